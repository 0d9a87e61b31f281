r"""Trains nano's generative half in a few minutes of a GPU, on clips that all cores render meanwhile.

    python scripts/train_on_gpu.py pack runs/nano-critic/model megactor.tar.xz --wheels wheels     # at home
    tar xf megactor.tar.xz && cd megactor                                                           # there
    PYTHONPATH=src:site MEGACTOR_RIG=rig.npz python3 scripts/train_on_gpu.py train model OUTPUT --minutes 9
    python scripts/train_on_gpu.py join runs/nano-critic/model OUTPUT runs/nano-gpu/model           # at home

train renders on all cores, measures how fast both stages are, trains stage 1 (configs/nano-stage1.yaml) for three
quarters of the time that is left and stage 2 (configs/nano-stage2.yaml) for the rest, and stops by the clock. OUTPUT
then holds the model in at most five pieces of 15 MiB (float16 safetensors in a tar; dense motion, which does not learn,
stays out), a picture of each stage's validation and figures.json. After stage 1 its model is there already. Needs no
network.

The machine needs Python 3.11 or 3.12 with torch, numpy, numba, scipy, OpenCV, pillow, pyyaml, safetensors, accelerate,
transformers, huggingface-hub and tensorboard. diffusers and pydantic (with pydantic-core, annotated-types and
typing-inspection) are seldom there; pack takes them along as wheels for that machine's Python:

    pip download --no-deps --only-binary=:all: --python-version 3.12 --platform manylinux_2_17_x86_64 -d wheels \
        diffusers==0.42.1 pydantic==2.14.4 pydantic-core==2.50.5 annotated-types typing-inspection

PyAV, mediapipe, ray, gradio, webdataset, typer and rich are not needed.
"""

import argparse
import json
import multiprocessing
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import torch
from PIL import Image

from megactor.errors import InputError, MegActorError
from megactor.train.clips import BrokenClipError
from megactor.train.config import TrainConfig, load_config
from megactor.train.dataset import Samples
from megactor.train.validation import validation_data

if TYPE_CHECKING:  # whoever renders or prepares samples imports this file too, and need not wait for networks
    from megactor.train.trainer import OnStep, Trainer, TrainingProgress

ROOT = Path(__file__).parents[1]
RECIPES = ("configs/nano-stage1.yaml", "configs/nano-stage2.yaml")
CHANGES = (
    ("optimizer.batch=64", "optimizer.learning_rate=1.0e-3", "optimizer.warmup=100", "validation_clips=24"),
    ("optimizer.batch=16", "optimizer.learning_rate=1.0e-3", "validation_clips=8"),
)
"""What a GPU wants otherwise. Neither has been tuned there."""
SECOND_EVERY = 12
"""Of so many rendered clips one is for stage 2; it takes as long as three of stage 1."""
STAGE_1 = 0.75
RENDERING_FIRST = 0.25
"""Of the time, before which training does not begin: the first clips are seen by all steps."""
TRIAL, RESERVE = 20.0, 20.0
"""Seconds of a speed trial; and for the last validation and the files."""
SURE = 0.9
"""Of a speed that was measured, which is counted on."""


@dataclass(frozen=True)
class Speed:
    """What a trial found.

    begins: seconds until the first step is done.
    samples: of each second from then on.
    """

    begins: float
    samples: float


@dataclass
class Figures:
    """What is written to figures.json."""

    machine: str = field(default_factory=lambda: f"{device()}, {cores()} cores, torch {torch.__version__}")
    rendered: list[int] = field(default_factory=list)
    speeds: list[Speed] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)


class Renderers:
    """Processes that render clips ahead of training: those of validation, then both stages' in turns.

    Args:
        configs: of the stages.
    """

    def __init__(self, configs: list[TrainConfig]) -> None:
        context = multiprocessing.get_context("spawn")
        self.numbers = [context.Value("q", 0) for _ in configs]
        self._jobs, self._active = context.Value("q", 0), context.Value("q", cores())
        shared = configs, self._jobs, self.numbers, self._active
        self._processes = [
            context.Process(target=_render, args=(number, *shared), daemon=True) for number in range(cores())
        ]
        for process in self._processes:
            process.start()

    def ready(self, stage: int) -> int:
        """How many of a stage's first clips are there, but for a few that are being rendered."""
        return max(self.numbers[stage].value - self._active.value, 0)

    def use(self, count: int) -> None:
        """Has so many processes go on; the others wait."""
        self._active.value = count

    def wait(self, until: Callable[[], bool], deadline: float) -> None:
        """Until something is true.

        Raises:
            InputError: a process failed, or it takes too long.
        """
        while not until():
            if any(process.exitcode for process in self._processes):
                raise InputError("a process that renders failed, see above")
            if time.monotonic() > deadline:
                raise InputError("there are too few minutes to render clips")
            time.sleep(0.05)

    def stop(self) -> None:
        """At once; clips are complete or not there."""
        for process in self._processes:
            process.kill()


def _render(rank: int, configs: list[TrainConfig], jobs: Any, numbers: list[Any], active: Any) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    checks = [(stage, number) for stage, config in enumerate(configs) for number in range(config.validation_clips)]
    sources = [Samples(config.data, 0).sources[0] for config in configs]
    held_back = [Samples(data, 0).sources[0] for data in map(validation_data, configs) if data is not None]
    parent = multiprocessing.parent_process()
    while parent is None or parent.is_alive():  # nobody would stop an orphan
        if rank >= active.value:
            time.sleep(0.2)
            continue
        job = _next(jobs)
        if job < len(checks):
            stage, number = checks[job]
            source = held_back[stage]
        else:
            stage = len(configs) - 1 if job % SECOND_EVERY == 0 else 0
            number, source = _next(numbers[stage]), sources[stage]
        try:
            source.clip(number)
        except BrokenClipError as error:
            print(f"{source.name(number)}: {error}", file=sys.stderr)


def _next(counter: Any) -> int:
    with counter.get_lock():
        counter.value += 1
        return int(counter.value) - 1


def device() -> str:
    """What trains."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or "CPU"


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0))


def loaders() -> int:
    """Processes that prepare samples: 5 ms each, on one core of a shared server CPU."""
    return max(1, cores() // 3)


def measured(times: list[float], batch: int) -> Speed:
    """Speed by the clock: when a run began, and after each of its steps; the first three may be slow."""
    settled = min(3, len(times) - 2)
    pace = (times[-1] - times[settled]) / (len(times) - 1 - settled)
    return Speed(times[1] - times[0], batch / pace)


def length(speed: Speed, seconds: float, batch: int) -> int:
    """Steps that a stage of so many seconds will do."""
    return max(1, int(SURE * speed.samples * (seconds - speed.begins) / batch))


def reuse(steps: int, batch: int, clips_a_second: float, seconds: float) -> float:
    """How often each clip is to be seen, so that training keeps behind the renderers."""
    return max(1.0, steps * batch / max(1.0, SURE * clips_a_second * seconds))


class Session:
    """One `train`, with its clock.

    Args:
        start: model folder.
        output: folder for the results.
        seconds: of everything.
        changes: of both recipes.
        work: folder for clips and runs.
    """

    def __init__(self, start: Path, output: Path, seconds: float, changes: list[str], work: Path) -> None:
        self.output, self.work = output, work
        self._began, self._deadline = time.monotonic(), time.monotonic() + seconds
        self.figures = Figures()
        common = ["validate_every=1000000000", "save_every=1000000000", f"data.rendered.cache={work / 'clips'}"]
        self.changes = [[*common, f"data.workers={loaders()}", *own, *changes] for own in CHANGES]
        self.changes[0].append(f"init={start}")
        self.changes[1].append(f"init={start}")
        self.configs = [self._config(stage) for stage in range(len(RECIPES))]
        for config in self.configs:
            if "dense_motion" in getattr(config.task, "train", ()):
                raise InputError("dense motion does not come back from here, so it cannot learn")

    def _config(self, stage: int, *changes: str) -> TrainConfig:
        return load_config(ROOT / RECIPES[stage], [*self.changes[stage], *changes])

    @property
    def left(self) -> float:
        """Seconds that are left for training."""
        return self._deadline - time.monotonic() - RESERVE

    def run(self) -> None:
        """Everything, in order."""
        renderers = Renderers(self.configs)
        try:
            speeds, clips_a_second = self._trials(renderers)
            renderers.use(cores())
            until = self._began + RENDERING_FIRST * (self._deadline - self._began)
            renderers.wait(lambda: time.monotonic() >= until, self._deadline)
            renderers.use(self._beside_training)
            seconds, batch = STAGE_1 * self.left, self.configs[0].optimizer.batch
            steps = length(speeds[0], seconds, batch)
            again = reuse(steps, batch, clips_a_second, seconds)
            few = [f"data.rendered.clips={renderers.ready(0)}", f"data.rendered.reuse={again:.3f}"]
            model = self._stage(0, seconds, steps, few)
            clips = [renderers.ready(stage) for stage in range(len(RECIPES))]
        finally:
            renderers.stop()
        self.figures.rendered = clips
        self._bring(model)
        if self.left <= 0:
            self._say("no time is left for stage 2")
            return
        self.changes[1].append(f"init={model}")
        steps = length(speeds[1], self.left, self.configs[1].optimizer.batch)
        self._bring(self._stage(1, self.left, steps, [f"data.rendered.clips={clips[1]}"]))

    @property
    def _beside_training(self) -> int:
        return max(1, cores() - loaders() - 1)

    def _trials(self, renderers: Renderers) -> tuple[list[Speed], float]:
        """Speeds of both stages while clips are rendered beside them, and how many clips of stage 1 a second."""
        needed = [2 * config.optimizer.batch for config in self.configs]
        needed = [min(count, most) for count, most in zip(needed, (100, 8), strict=True)]
        renderers.wait(lambda: all(renderers.ready(n) >= count for n, count in enumerate(needed)), self._deadline)
        renderers.use(self._beside_training)
        began, before = time.monotonic(), renderers.numbers[0].value
        self.figures.speeds = [
            self._trial(stage, f"data.rendered.clips={renderers.ready(stage)}") for stage in range(len(RECIPES))
        ]
        return self.figures.speeds, (renderers.numbers[0].value - before) / (time.monotonic() - began)

    def _trial(self, stage: int, clips: str) -> Speed:
        config = self._config(stage, clips, "steps=1000000", "validation_clips=0")
        times = [time.monotonic()]
        trainer = _trainer(config, self.work / f"trial{stage + 1}", lambda *_: times.append(time.monotonic()))
        times[0] = time.monotonic()
        trainer.run(TRIAL)
        speed = measured(times, config.optimizer.batch)
        self._say(f"stage {stage + 1}: {speed.samples:.1f} samples/s, the first after {speed.begins:.1f} s")
        return speed

    def _stage(self, stage: int, seconds: float, steps: int, clips: list[str]) -> Path:
        began = time.monotonic()
        config = self._config(stage, *clips, f"steps={steps}")
        self._say(f"stage {stage + 1}: {steps} steps in {seconds:.0f} s, {', '.join(clips)}")
        curve: list[dict[str, float]] = []

        def on_step(progress: "TrainingProgress", losses: dict[str, float]) -> None:
            if progress.step % 25 == 1:
                waited = progress.waited / progress.worked
                curve.append({"step": progress.step, "seconds": progress.worked, "waited": waited} | losses)
                self._say(f"stage {stage + 1}: step {progress.step} of {steps}, loss {losses['loss']:.4f}")

        folder = self.work / f"stage{stage + 1}"
        trainer = _trainer(config, folder, on_step)
        trainer.run(seconds - (time.monotonic() - began), export=True)
        told = folder / "validation.jsonl"
        validation = json.loads(told.read_text().splitlines()[-1]) if told.exists() else None
        done = {"steps": trainer.progress.step, "of": steps, "batch": config.optimizer.batch, "clips": clips}
        self.figures.stages.append(done | {"validation": validation, "curve": curve})
        picture = max((folder / "validation").glob("*.png"), default=None)
        if picture is not None:
            Image.open(picture).convert("RGB").save(self.output / f"stage{stage + 1}.jpg", quality=92)
        return folder / "model"

    def _bring(self, model: Path) -> None:
        from model_luggage import cut

        pieces = cut(model, self.output)
        (self.output / "figures.json").write_text(json.dumps(asdict(self.figures), indent=1) + "\n")
        self._say(f"{len(pieces)} pieces in {self.output}")

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s  {text}", flush=True)


def _trainer(config: TrainConfig, folder: Path, on_step: "OnStep") -> "Trainer":
    from megactor.train.trainer import Trainer

    return Trainer(config, folder, on_step)


def train(start: Path, output: Path, minutes: float, changes: list[str], work: Path | None) -> None:
    """See the head of this file; without `work` clips and runs are removed."""
    output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(2)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    folder = Path(tempfile.mkdtemp()) if work is None else work
    try:
        Session(start, output, minutes * 60, changes, folder).run()
    finally:
        if work is None:
            shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack", help="write the archive that the machine needs; MEGACTOR_RIG names the rig")
    packing.add_argument("start", help="model folder to start from, or nano")
    packing.add_argument("archive", type=Path)
    packing.add_argument("--wheels", type=Path, metavar="DIR", help="wheels of packages that the machine lacks")
    training = commands.add_parser("train", help="render, train, and stop by the clock")
    training.add_argument("start", type=Path, help="model folder to start from")
    training.add_argument("output", type=Path, help="folder for at most eight files of at most 16 MiB")
    training.add_argument("--minutes", type=float, default=9.0, help="of everything (9)")
    training.add_argument(
        "--set", dest="changes", action="append", default=[], metavar="NAME=VALUE", help="both recipes"
    )
    training.add_argument("--work", type=Path, metavar="DIR", help="keep clips and runs there")
    joining = commands.add_parser("join", help="put the model together")
    joining.add_argument("start", help="that it began with, or nano")
    joining.add_argument("output", type=Path, help="folder of the pieces")
    joining.add_argument("model", type=Path, help="folder to write")
    asked = parser.parse_args()
    from model_luggage import join, pack

    try:
        if asked.command == "pack":
            size = pack(asked.start, asked.archive, RECIPES, asked.wheels)
            print(f"{asked.archive}: {size / 2**20:.1f} MiB")
        elif asked.command == "train":
            train(asked.start, asked.output, asked.minutes, asked.changes, asked.work)
        else:
            join(asked.start, asked.output, asked.model)
    except MegActorError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
