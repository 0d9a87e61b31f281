"""Both sides one after the other, each in a process of its own, and what their figures say together."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from megactor.bench.official.workload import Workload
from megactor.errors import InputError, MegActorError, one_line

PIPELINE = "animate/unet_magic_noiseAttenST_Ada/pipeline.py"
COMMIT = "e7f6db5"
"""Of megvii-research/megactor, the first release; its later commits hold another model under other names."""

PACKAGES = (
    "diffusers==0.27.2",
    "transformers==4.40.2",
    "huggingface-hub==0.25.2",  # the last that this diffusers can import
    "einops",
    "numpy<2",
    "pyyaml",
    "torch>=2.1",
)
"""What the official denoising loop needs; its own environment has it all."""

DRIVER = Path(__file__).with_name("driver.py")


@dataclass(frozen=True)
class Run:
    """One animation, from crops to frames.

    seconds: by the clock.
    denoise: of them, until the first frame is decoded.
    decode: the rest.
    core_seconds: of all cores of the process.
    denoise_core_seconds: of them, until the first frame is decoded.
    peak_mb: most memory in MB (10^6 bytes): allocated on a GPU, else resident, with all libraries.
    """

    seconds: float
    denoise: float
    decode: float
    core_seconds: float
    denoise_core_seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Side:
    """Figures of one side.

    runs: those that count.
    parameters: numbers of weights by official part.
    settings: fields of `workload.OfficialSettings`.
    software: versions, threads and processor.
    attention: "xformers" or "torch".
    stubbed: modules that were not installed and replaced by empty ones.
    loaded_mb: memory before all runs, as `Run.peak_mb`.
    tensors_mb: most memory of tensors beside the weights during one step of one window; None on a GPU, where
        `peak_mb` tells.
    latents: float32 (F, 4, h, w), the last run's.
    """

    runs: tuple[Run, ...]
    parameters: dict[str, int]
    settings: dict[str, Any]
    software: dict[str, Any]
    attention: str
    stubbed: tuple[str, ...]
    loaded_mb: float
    tensors_mb: float | None
    latents: np.ndarray

    def median(self, figure: str) -> float:
        """Of the runs, a field of `Run`."""
        return statistics.median(getattr(run, figure) for run in self.runs)


@dataclass(frozen=True)
class Comparison:
    """The official side and ours."""

    workload: Workload
    official: Side
    ours: Side

    @property
    def difference(self) -> float:
        """Largest difference of the final latents, as a part of their range; NaN where there are none."""
        values = self.official.latents
        return float(np.abs(values - self.ours.latents).max() / np.ptp(values))

    def rows(self) -> list[tuple[str, float, float]]:
        """Name, official and our figure, medians."""
        frames, official, ours = self.workload.frames, self.official, self.ours
        figures: dict[str, Callable[[Side], float]] = {
            "seconds": lambda side: side.median("seconds"),
            "of them, denoising": lambda side: side.median("denoise"),
            "of them, decoding": lambda side: side.median("decode"),
            "frames/s": lambda side: frames / side.median("seconds"),
            "core seconds": lambda side: side.median("core_seconds"),
            "core seconds, denoising": lambda side: side.median("denoise_core_seconds"),
            "peak memory, MB": lambda side: side.median("peak_mb"),
            "of it, before the runs": lambda side: side.loaded_mb,
        }
        if official.tensors_mb is not None and ours.tensors_mb is not None:
            figures["tensors of a window, MB"] = lambda side: side.tensors_mb or 0.0
        return [(name, figure(official), figure(ours)) for name, figure in figures.items()]

    def check(self) -> None:
        """Raises MegActorError unless both computed the same thing: as many weights, and in float32 the same result."""
        if self.official.parameters != self.ours.parameters:
            raise MegActorError(
                f"not the same networks: {self.official.parameters} weights there, {self.ours.parameters} here"
            )
        if self.workload.dtype == "float32" and not self.difference < 1e-3:
            raise MegActorError(
                f"not the same result: latents differ by {self.difference:.1e} of their range, so times say little"
            )


def find_checkout(path: Path) -> Path:
    """The absolute folder of the official code.

    Raises:
        InputError: it is not there, or is something else.
    """
    if not (path / PIPELINE).is_file():
        raise InputError(
            f"{path} is no checkout of the official MegActor, {PIPELINE} is missing: git clone "
            f"https://github.com/megvii-research/megactor, then git checkout {COMMIT} in it"
        )
    return path.resolve()


def find_python(name: str | None) -> str:
    """The Python of the official code's environment, or this one.

    Raises:
        InputError: there is no such program.
    """
    if name is None:
        return sys.executable
    found = shutil.which(str(Path(name).expanduser()))
    if found is None:
        raise InputError(f"no such Python: {name}; give that of the official code's environment, as in env/bin/python")
    return found


def compare(workload: Workload, checkout: Path, python: str, say: Callable[[str], None]) -> Comparison:
    """Measures the official code, then ours.

    Args:
        workload: what both are given.
        checkout: from `find_checkout`.
        python: from `find_python`.
        say: told what runs.

    Raises:
        InputError: the official code cannot be imported by that Python.
        MegActorError: a side failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        official, ours = Path(folder) / "official", Path(folder) / "ours"
        official.mkdir()
        ours.mkdir()
        asked = Path(folder) / "workload.json"
        workload.write(asked)
        say("the official code ...")
        _run((python, str(DRIVER), str(asked), str(official), str(checkout)), "the official code", python, official)
        say("ours ...")
        result = str(official / "result.json")
        command = (sys.executable, "-m", "megactor.bench.official.ours", str(asked), str(ours), result)
        _run(command, "our side", sys.executable, ours)
        return Comparison(workload, _read(official), _read(ours))


def _run(command: Sequence[str], name: str, python: str, folder: Path) -> None:
    finished = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"}, check=False
    )
    if finished.returncode == 0 and (folder / "result.json").is_file():
        return
    reason = (finished.stderr.strip().splitlines() or [f"exit code {finished.returncode}, no message"])[-1]
    if reason.startswith(("ImportError", "ModuleNotFoundError")):
        wanted = " ".join(f"'{package}'" for package in PACKAGES)
        raise InputError(
            one_line(f"{python} cannot import {name} ({reason}); in an environment of its own: pip install {wanted}")
        )
    raise MegActorError(one_line(f"{name} failed: {reason}"))


def _read(folder: Path) -> Side:
    told = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return Side(
        runs=tuple(Run(**run) for run in told["runs"]),
        parameters=told["parameters"],
        settings=told["settings"],
        software=told["software"],
        attention=told["attention"],
        stubbed=tuple(told.get("stubbed", ())),
        loaded_mb=told["loaded_mb"],
        tensors_mb=told["tensors_mb"],
        latents=np.load(folder / "latents.npy"),
    )
