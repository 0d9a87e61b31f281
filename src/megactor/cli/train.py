"""`megactor train`: from a recipe to a model."""

import contextlib
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from megactor.cli.failures import one_line, one_line_errors, warn
from megactor.cli.terminal import tell

if TYPE_CHECKING:
    from megactor.train.config import TrainConfig
    from megactor.train.trainer import TrainingProgress

_WORD = 2.0
"""Seconds after which an error is told even though another process may have been the first."""

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@one_line_errors
def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="Recipe, such as configs/nano-stage1.yaml.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Folder of the run; by default runs/NAME.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change a value of the recipe, such as optimizer.batch=8."),
    ] = None,
    max_time: Annotated[
        str | None, typer.Option(metavar="TIME", help="Stop after 90s, 150m or 10h; the same command goes on.")
    ] = None,
    export: Annotated[
        bool, typer.Option("--export", help="Validate and write the model also where the run stops before its end.")
    ] = False,
    cpu: Annotated[bool, typer.Option("--cpu", help="Leave a GPU alone.")] = False,
    processes: Annotated[
        int, typer.Option(metavar="N", help="Processes on this machine that share the work, one for each GPU.", min=1)
    ] = 1,
) -> None:
    """Train the networks by a recipe.

    May be stopped at any moment, even by kill -9: the same command goes on from the last checkpoint. Ctrl-C saves.
    For several machines start it with torchrun; see docs/training.md.
    """
    require_extra()
    from megactor.media.atomic import os_errors_as_output_errors
    from megactor.media.lock import locked
    from megactor.train.config import load_config
    from megactor.train.launch import launch, rank

    if processes > 1:
        arguments = ["train", str(config), *(part for change in changes or [] for part in ("--set", change))]
        for option, value in (("--output", output), ("--max-time", max_time)):
            arguments += [] if value is None else [f"{option}={value}"]
        arguments += [option for option, given in (("--export", export), ("--cpu", cpu)) if given]
        code = launch(arguments, processes)
        raise typer.Exit(code)
    recipe = load_config(config, changes)
    seconds = None if max_time is None else parse_time(max_time)
    folder = output or Path("runs") / config.stem
    with os_errors_as_output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with locked(folder) if rank() == 0 else contextlib.nullcontext(), _leaving_the_word_to_others():
        _train(recipe, folder, seconds, export, cpu)


@contextlib.contextmanager
def _leaving_the_word_to_others() -> Iterator[None]:
    """When one of several processes ends, connections break in all others: they wait to be ended, and say nothing."""
    from megactor.errors import MegActorError

    try:
        yield
    except MegActorError:
        raise
    except Exception:
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            time.sleep(_WORD)
        raise


def _train(recipe: "TrainConfig", folder: Path, seconds: float | None, export: bool, cpu: bool) -> None:
    from megactor.train.trainer import Trainer

    display = _Display(recipe.steps)
    trainer = Trainer(recipe, folder, display, cpu)
    if trainer.accelerator.is_main_process:
        for origin in trainer.origins:
            tell(one_line(str(origin)))
        for note in trainer.notes:
            warn(note)
        count = sum(weight.numel() for weight in trainer.weights)
        tell(f"{folder}: {count / 1e6:.1f} M weights learn, from step {trainer.progress.step} of {recipe.steps}")
    with display:
        finished = trainer.run(seconds, export)
    if trainer.accelerator.is_main_process:
        written = finished or (export and trainer.progress.step > 0)
        parts = [f"model in {folder / 'model'}"] if written else []
        ended = ", ".join([*parts, *([] if finished else ["the same command goes on"])])
        tell(f"{folder}: step {trainer.progress.step} of {recipe.steps}; {ended}")


def parse_time(text: str) -> float:
    """Seconds of "90s", "150m" or "10h".

    Raises:
        InputError: something else.
    """
    from megactor.errors import InputError

    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if match is None:
        raise InputError(f"--max-time {text}: write it as 90s, 150m or 10h")
    return float(match[1]) * _UNITS[match[2]]


class _Display:
    """A rich progress bar with the losses; plain lines now and then where there is no terminal."""

    def __init__(self, steps: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("train"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("", total=steps)
        self._first: int | None = None
        self._sums: dict[str, float] = {}
        self._count = 0

    def __enter__(self) -> "_Display":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, progress: "TrainingProgress", losses: dict[str, float]) -> None:
        if self._first is None:
            self._first = progress.step - 1
        for name, loss in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + loss
        self._count += 1
        rate = (progress.step - self._first) / progress.worked * progress.samples / progress.step
        means = "  ".join(f"{name} {total / self._count:.4g}" for name, total in self._sums.items())
        line = f"{means}  {rate:.1f} samples/s  waited {progress.waited / progress.worked:.0%}"
        if progress.skipped:
            line += f"  skipped {progress.skipped}"
        self._bar.update(self._task, completed=progress.step, description=line)
        if self._bar.disable and progress.step % PLAIN_EVERY == 0:
            left = (self._bar.tasks[0].total or 0) - progress.step
            seconds = left * progress.worked / (progress.step - self._first)
            print(f"step {progress.step}: {line}  {seconds / 60:.0f} min left", file=sys.stderr, flush=True)
        if progress.step % PLAIN_EVERY == 0:
            self._sums, self._count = {}, 0


PLAIN_EVERY = 25
"""Steps between lines where there is no terminal, and over which losses are averaged."""


def require_extra() -> None:
    """Fails with the remedy where the extra `train` is not installed."""
    from importlib.util import find_spec

    from megactor.errors import InputError

    needed = {"pydantic": "pydantic", "yaml": "pyyaml", "tensorboard": "tensorboard", "numba": "numba"}
    missing = [package for module, package in needed.items() if find_spec(module) is None]
    if missing:
        raise InputError(f"training needs {', '.join(missing)}: pip install 'megactor[train]'")
