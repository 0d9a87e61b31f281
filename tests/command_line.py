"""Running `megactor` in this process, and what every failure must look like."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner

from megactor.cli.main import app
from megactor.result import AnimationResult, Progress, no_progress


@dataclass(frozen=True)
class Outcome:
    """What a finished command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


def megactor(*arguments: object) -> Outcome:
    """Runs a command line."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Outcome(result.exit_code, result.stdout, result.stderr)


def error_line(outcome: Outcome, code: int = 1) -> str:
    """The one line that a failed command says; asserts that there is no other and no traceback."""
    assert outcome.code == code, outcome
    assert outcome.out == "", outcome
    lines = [line for line in outcome.err.splitlines() if not _is_progress(line)]
    assert len(lines) == 1, outcome.err
    assert "Traceback" not in outcome.err
    return lines[0]


def _is_progress(line: str) -> bool:
    return line.endswith(" ...") or " done in " in line or line.endswith(" s left")


def listing(folder: Path) -> set[str]:
    """Names of all files in a folder, hidden ones too."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


class FakePipeline:
    """Takes the pipeline's place where a test is about the command around it.

    calls: what `from_preset` and the pipeline itself were given, in order.
    failure: raised by the pipeline's `frame`-th frame.
    pause: seconds that a frame takes.
    """

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.failure: BaseException | None = None
        self.failing_frame = 2
        self.pause = 0.0
        self.frame_count = 4
        self.warnings: list[str] = []

    def from_preset(
        self, model: str, device: str = "auto", dtype: str = "auto", offload: bool = False
    ) -> "FakePipeline":
        self.calls.append({"model": model, "device": device, "dtype": dtype, "offload": offload})
        return self

    def __call__(
        self, portrait: np.ndarray, driving: str, *, progress: Progress = no_progress, **options: Any
    ) -> AnimationResult:
        self.calls.append({"portrait": portrait, "driving": driving, **options})
        progress("faces", self.frame_count, self.frame_count)
        return AnimationResult(
            fps=Fraction(25),
            size=(64, 64),
            frame_count=self.frame_count,
            audio=None,
            frames=self._frames(progress),
            progress=progress,
            warnings=self.warnings,
        )

    def _frames(self, progress: Progress) -> Iterator[np.ndarray]:
        for number in range(self.frame_count):
            if self.failure is not None and number == self.failing_frame:
                raise self.failure
            time.sleep(self.pause)
            progress("denoise", number + 1, self.frame_count)
            yield np.full((64, 64, 3), 40 * number, np.uint8)
