"""Training through the command line on a tiny model: what is learned, interrupted, resumed and shared."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from command_line import error_line, megactor
from safetensors.torch import load_file
from tiny_model import tiny_official_pipeline
from train.fake_shards import SIZE, write_shard

from megactor.compute.compiling import compile_blocks
from megactor.media.lock import locked
from megactor.pipeline import MegActorPipeline
from megactor.train.checkpoint import checkpoints

TASKS = {
    "keypoints": {"kind": "keypoints"},
    "retargeter": {"kind": "retargeter"},
    "motion": {"kind": "motion"},
    "close_up": {"kind": "close_up"},
    "diffusion": {"kind": "diffusion", "train": ["unet", "motion_modules"]},
    "together": {"kind": "diffusion", "train": ["unet", "dense_motion"], "loss": "pictures", "adversarial": 0.02},
}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """As in the processes that tests start: sums of other numbers of threads are rounded differently."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run(recipe: Path, folder: Path, *options: object):
    outcome = megactor("train", recipe, "-o", folder, "--cpu", *options)
    assert outcome.code == 0, outcome
    return outcome


def losses(folder: Path) -> dict[int, float]:
    """Step -> loss; of steps that were done twice, the last."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = {}
    for file in sorted((folder / "events").iterdir(), key=lambda path: path.stat().st_mtime_ns):
        events = EventAccumulator(str(file))
        events.Reload()
        if "train/loss" in events.Tags()["scalars"]:
            found |= {event.step: event.value for event in events.Scalars("train/loss")}
    return found


def weights(folder: Path) -> dict[str, torch.Tensor]:
    newest = checkpoints(folder / "checkpoints")[-1]
    average = load_file(newest / "average.safetensors")
    return load_file(newest / "weights.safetensors") | {f"average.{name}": t for name, t in average.items()}


@pytest.fixture(scope="module")
def straight(recipe, tmp_path_factory) -> Path:
    """A run of six steps without any interruption."""
    folder = tmp_path_factory.mktemp("runs") / "straight"
    run(recipe(), folder)
    return folder


def test_compiled_blocks_learn_the_same(straight, recipe, tmp_path, monkeypatch):
    compiled = []

    def in_eager(task: torch.nn.Module) -> None:
        compiled.append(task)
        compile_blocks(task, backend="eager")

    monkeypatch.setattr("megactor.train.trainer.compile_blocks", in_eager)
    run(recipe(compile=True), tmp_path / "run")
    assert len(compiled) == 1
    assert losses(tmp_path / "run") == pytest.approx(losses(straight), rel=1e-5)


def test_a_run_ends_with_a_model(straight, tiny_model):
    trained, before = MegActorPipeline.from_pretrained(straight / "model"), MegActorPipeline.from_pretrained(tiny_model)
    assert not torch.equal(trained.unet.conv_out.weight, before.unet.conv_out.weight)
    motion = [name for name, _ in trained.unet.named_parameters() if ".motion." in name]
    same = trained.unet.state_dict()[motion[0]] - before.unet.state_dict()[motion[0]]
    assert motion and same.abs().max() < 1e-3  # stage 1 leaves the motion modules alone
    assert len(losses(straight)) == 6
    assert [path.name for path in checkpoints(straight / "checkpoints")] == ["step-00000004", "step-00000006"]
    (line,) = (straight / "validation.jsonl").read_text().splitlines()
    assert json.loads(line)["step"] == 6 and json.loads(line)["psnr"] > 3
    assert (straight / "validation" / "00000006.png").stat().st_size > 100
    assert (straight / "validation" / "00000006.mp4").stat().st_size > 100


def test_a_stopped_run_goes_on_as_if_nothing_had_happened(recipe, straight, tmp_path):
    folder = tmp_path / "stopped"
    path = recipe()
    run(path, folder, "--max-time", "0s")  # the time is up before the first step
    assert losses(folder) == {}
    kill_after(path, folder, "step-00000002")
    run(path, folder)
    assert losses(folder) == losses(straight)
    expected, found = weights(straight), weights(folder)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def start(recipe: Path, folder: Path, *options: str) -> subprocess.Popen:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "megactor", "train", str(recipe), "-o", str(folder), "--cpu", *options]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path: Path, process: subprocess.Popen) -> None:
    for _ in range(1200):
        if path.exists():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError(f"{path} never appeared")


def kill_after(recipe: Path, folder: Path, checkpoint: str) -> None:
    process = start(recipe, folder)
    wait_for(folder / "checkpoints" / checkpoint, process)
    process.kill()
    process.communicate()


def test_a_polite_kill_saves_and_succeeds(recipe, tmp_path):
    folder = tmp_path / "run"
    process = start(recipe(steps=100_000, save_every=100_000, validation_clips=0), folder)
    wait_for(folder / "events", process)
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "the same command goes on" in out
    assert len(checkpoints(folder / "checkpoints")) == 1
    assert not (folder / "model").exists()


def test_two_processes_learn_what_one_does(recipe, straight, tmp_path):
    folder = tmp_path / "two"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    command = [*command, "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]
    command += ["-m", "megactor", "train", str(recipe()), "-o", str(folder), "--cpu"]
    subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True, capture_output=True, timeout=200)
    one, two = losses(straight), losses(folder)
    assert two == pytest.approx(one, rel=1e-4)
    expected, found = weights(straight), weights(folder)
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, atol=2e-3, rtol=1e-2)


def test_passes_add_up_to_a_step(recipe, straight, tmp_path):
    run(recipe(), tmp_path / "passes", "--set", "optimizer.accumulation=2")
    assert losses(tmp_path / "passes") == pytest.approx(losses(straight), rel=1e-4)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_learns(recipe, tmp_path, task):
    optimizer = {"batch": 4, "learning_rate": 3e-3, "warmup": 2, "ema": 0, "schedule": "constant"}
    path = recipe(task=TASKS[task], steps=40, optimizer=optimizer)
    more = ("--set", "data.pictures=false") if task == "retargeter" else ()
    size = 64 if task == "close_up" else SIZE  # the tiny model's `detail_size`
    run(path, tmp_path / task, "--set", "data.frames=4", "--set", "save_every=100", "--set", f"data.size={size}", *more)
    curve = losses(tmp_path / task)
    first, last = (sum(curve[step] for step in steps) for steps in (range(1, 11), range(31, 41)))
    assert last < first
    assert (tmp_path / task / "model" / "model_index.json").exists()


def test_the_official_architecture_learns(recipe, tmp_path):
    tiny_official_pipeline().save_pretrained(tmp_path / "sd15")
    task = {"kind": "diffusion", "train": ["unet", "motion_modules", "reference_net", "pose_guider"]}
    optimizer = {"batch": 4, "learning_rate": 1e-3, "warmup": 2, "ema": 0, "schedule": "constant"}
    path = recipe(init=str(tmp_path / "sd15"), task=task, steps=30, optimizer=optimizer)
    run(path, tmp_path / "run", "--set", "gradient_checkpointing=true", "--set", "save_every=100")
    curve = losses(tmp_path / "run")
    first, last = (sum(curve[step] for step in steps) for steps in (range(1, 11), range(21, 31)))
    assert last < 0.97 * first
    trained = MegActorPipeline.from_pretrained(tmp_path / "run" / "model")
    before = MegActorPipeline.from_pretrained(tmp_path / "sd15")
    assert not torch.equal(trained.pose_guider.conv_out.weight, before.pose_guider.conv_out.weight)
    half = before.vae.decoder.conv_out.weight.half().float()  # the codec stays; models are kept in float16
    assert torch.equal(trained.vae.decoder.conv_out.weight, half)


@pytest.mark.parametrize("task", [{"kind": "motion"}, {"kind": "diffusion", "train": ["unet", "dense_motion"]}])
def test_a_task_that_the_model_has_no_part_for(recipe, tmp_path, task):
    tiny_official_pipeline().save_pretrained(tmp_path / "sd15")
    path = recipe(init=str(tmp_path / "sd15"), task=task)
    line = error_line(megactor("train", path, "-o", tmp_path / "run", "--cpu"))
    assert "dense motion" in line or "dense_motion" in line


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["optimizer.learning_rate=0.5"], "choose another output folder"),
        (["optimizer.batch=5", "optimizer.accumulation=2"], "cannot be split"),
        (["data.size=64"], "64"),
        (["init=/nowhere"], "nowhere"),
    ],
)
def test_mistakes_end_with_one_line(recipe, straight, changes, words):
    options = [part for change in changes for part in ("--set", change)]
    outcome = megactor("train", recipe(), "-o", straight, "--cpu", *options)
    assert words in error_line(outcome)


def test_two_runs_do_not_write_into_one_folder(recipe, straight):
    with locked(straight):
        outcome = megactor("train", recipe(), "-o", straight, "--cpu")
    assert "another run is at work" in error_line(outcome)


def test_machines_without_a_common_folder_are_told(recipe, straight, tmp_path):
    """They would go on from different steps; each of two processes has a folder of its own here."""
    shutil.copytree(straight, tmp_path / "run0")
    shutil.rmtree(tmp_path / "run0" / "checkpoints" / "step-00000006")
    (tmp_path / "run1").mkdir()
    lines = [[2, ["train", str(recipe()), "--cpu", "-o", str(tmp_path / "run{rank}")]]]
    script = Path(__file__).parent / "forked_processes.py"
    command = [sys.executable, str(script), json.dumps(lines)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert ran.returncode != 0 and "of steps 0 to 4: put the run into a folder that all machines share" in ran.stderr
    assert len(checkpoints(tmp_path / "run0" / "checkpoints")) == 1


def test_a_damaged_checkpoint_is_named(recipe, straight, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(straight, folder)
    (folder / "checkpoints" / "step-00000006" / "weights.safetensors").write_bytes(b"\0" * 10)
    outcome = megactor("train", recipe(), "-o", folder, "--cpu")
    assert "step-00000006" in error_line(outcome)


def test_too_many_broken_clips_end_the_run(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("megactor.train.trainer.ENOUGH_SAMPLES", 4)
    path = write_shard(tmp_path / "clips.tar", clips=4, broken=(0, 1))
    data = {"size": SIZE, "frames": 2, "workers": 0, "shards": [{"urls": str(path)}]}
    outcome = megactor("train", recipe(data=data), "-o", tmp_path / "run", "--cpu")
    assert outcome.code == 1 and "clips cannot be used" in outcome.err


@pytest.mark.parametrize("time", ["5", "m", "5d", "-3m"])
def test_times_that_make_no_sense(recipe, tmp_path, time):
    assert "--max-time" in error_line(megactor("train", recipe(), "-o", tmp_path / "run", f"--max-time={time}"))
