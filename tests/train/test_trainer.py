"""Training through the command line on a tiny model: what is learned, interrupted, resumed and shared."""

import json
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch
from command_line import error_line, megactor
from patience import PATIENCE, wait_until
from tiny_model import tiny_official_pipeline
from train.fake_shards import SIZE
from train.runs import losses, run, start, weights

from megactor.compute.compiling import compile_blocks
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


def kill_after(recipe: Path, folder: Path, checkpoint: str) -> None:
    process = start(recipe, folder)
    wait_until((folder / "checkpoints" / checkpoint).exists, process)
    process.kill()
    process.communicate()


def test_a_polite_kill_saves_and_succeeds(recipe, tmp_path):
    folder = tmp_path / "run"
    process = start(recipe(steps=100_000, save_every=100_000, validation_clips=0), folder)
    wait_until((folder / "events").exists, process)
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "the same command goes on" in out
    assert len(checkpoints(folder / "checkpoints")) == 1
    assert not (folder / "model").exists()


def test_two_processes_learn_what_one_does(recipe, straight, tmp_path):
    folder = tmp_path / "two"
    out, err = start(recipe(), folder, "--processes", "2").communicate(timeout=PATIENCE)
    assert out.endswith(f"model in {folder / 'model'}\n") and not err, err
    one, two = losses(straight), losses(folder)
    assert two == pytest.approx(one, rel=1e-4)
    expected, found = weights(straight), weights(folder)
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, atol=2e-3, rtol=1e-2)


def test_a_finished_run_can_be_lengthened(recipe, tmp_path):
    constant = {"batch": 2, "learning_rate": 1e-3, "warmup": 2, "schedule": "constant"}
    whole, lengthened = tmp_path / "whole", tmp_path / "lengthened"
    run(recipe(steps=4, optimizer=constant), whole)
    run(recipe(steps=2, optimizer=constant), lengthened)
    before = (lengthened / "model" / "unet" / "diffusion_pytorch_model.safetensors").read_bytes()
    assert "learning rate" not in run(recipe(steps=4, optimizer=constant), lengthened).err
    assert losses(lengthened) == losses(whole)
    expected, found = weights(whole), weights(lengthened)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert (lengthened / "model" / "unet" / "diffusion_pytorch_model.safetensors").read_bytes() != before


def test_a_run_that_is_stopped_leaves_its_model_where_it_is_asked_to(recipe, straight, tmp_path):
    folder = shutil.copytree(straight, tmp_path / "run")
    shutil.rmtree(folder / "model")
    (folder / "validation.jsonl").unlink()
    path = recipe(steps=9)
    assert run(path, folder, "--max-time", "0s").out.endswith("step 6 of 9; the same command goes on\n")
    assert not (folder / "model").exists() and not (folder / "validation.jsonl").exists()
    told = run(path, folder, "--max-time", "0s", "--export").out
    assert told.endswith(f"step 6 of 9; model in {folder / 'model'}, the same command goes on\n")
    name = Path("model", "unet", "diffusion_pytorch_model.safetensors")
    assert (folder / name).read_bytes() == (straight / name).read_bytes()
    assert (folder / "validation.jsonl").read_text() == (straight / "validation.jsonl").read_text()


def test_a_learning_rate_that_follows_the_length_is_told(recipe, straight, tmp_path):
    folder = shutil.copytree(straight, tmp_path / "run")
    told = run(recipe(steps=9), folder).err
    assert "note: 9 steps in place of 6: the learning rate goes on at 0.00039, not at 0.00015" in told
    assert "holds a run of 9 steps already: 5 are fewer" in error_line(
        megactor("train", recipe(steps=5), "-o", folder, "--cpu")
    )


def test_files_have_the_permissions_of_the_user(straight, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    usual = {path.is_dir(): path.stat().st_mode for path in tmp_path.iterdir()}
    written = [path for name in ("checkpoints", "model") for path in (straight / name).rglob("*")]
    assert written and {path: usual[path.is_dir()] for path in written} == {p: p.stat().st_mode for p in written}


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
