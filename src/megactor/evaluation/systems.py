"""What is judged: models, baselines, results of other programs, and the truth itself."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from megactor.errors import InputError
from megactor.evaluation.animated import animate_aligned, animate_files
from megactor.evaluation.baselines import landmark_warp, still_portrait
from megactor.evaluation.case import Case, CaseId
from megactor.evaluation.fingerprint import fingerprint
from megactor.faces.analyzer import FaceAnalyzer
from megactor.media.reader import VideoReader
from megactor.options import AnimationOptions
from megactor.pipeline import MegActorPipeline
from megactor.weights import model_folder

RESULT_SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi", ".gif", ".webp")


class System(Protocol):
    """Answers cases; small enough to be pickled."""

    @property
    def name(self) -> str:
        """In tables and folders."""
        ...

    def settings(self) -> dict[str, Any]:
        """What its answers depend on, for JSON."""
        ...

    def check(self, keys: list[CaseId]) -> None:
        """Raises InputError for what can be seen to be missing before any work."""
        ...

    def frames(self, case: Case, analyzer: FaceAnalyzer) -> np.ndarray:
        """Its result: uint8 (F, S, S, 3)."""
        ...


@dataclass(frozen=True)
class Model:
    """A MegActor model.

    name: in tables.
    model: preset or folder.
    options: steps, guidance, speed and motion.
    """

    name: str
    model: str
    options: AnimationOptions = field(default_factory=AnimationOptions)

    def settings(self) -> dict[str, Any]:
        """See `System.settings`: wherever the weights lie, they are the same model."""
        folder = model_folder(self.model)
        files = sorted(path for path in folder.rglob("*") if path.suffix in {".json", ".safetensors", ".bin"})
        asked = self.options
        return {
            "weights": fingerprint(files),
            "steps": asked.steps,
            "guidance": asked.guidance,
            "speed": asked.speed,
            "motion": asked.motion,
        }

    def check(self, keys: list[CaseId]) -> None:
        """See `System.check`."""
        model_folder(self.model)

    def frames(self, case: Case, analyzer: FaceAnalyzer) -> np.ndarray:
        """See `System.frames`."""
        pipe = _pipeline(self.model)
        if case.files is not None:
            return animate_files(pipe, case.files, len(case.portrait), self.options)
        assert case.driver_boxes is not None, "a case without files says where faces are"
        return animate_aligned(pipe, case.portrait, case.driver, case.driver_boxes, self.options)


@dataclass(frozen=True)
class Still:
    """The portrait that does nothing."""

    name: str = "still"

    def settings(self) -> dict[str, Any]:
        """See `System.settings`."""
        return {}

    def check(self, keys: list[CaseId]) -> None:
        """See `System.check`."""

    def frames(self, case: Case, analyzer: FaceAnalyzer) -> np.ndarray:
        """See `System.frames`."""
        return still_portrait(case)


@dataclass(frozen=True)
class Warp:
    """The portrait bent by the driver's landmarks."""

    name: str = "warp"

    def settings(self) -> dict[str, Any]:
        """See `System.settings`."""
        return {}

    def check(self, keys: list[CaseId]) -> None:
        """See `System.check`."""

    def frames(self, case: Case, analyzer: FaceAnalyzer) -> np.ndarray:
        """See `System.frames`."""
        return landmark_warp(case, analyzer)


@dataclass(frozen=True)
class Results:
    """Videos that another program made of a run's `inputs`, one for each case: CASE.mp4.

    name: in tables.
    folder: of the videos.
    """

    name: str
    folder: Path

    def settings(self) -> dict[str, Any]:
        """See `System.settings`; each video is a setting of its own, so that more cases may follow."""
        files = sorted(path for path in self.folder.iterdir() if path.suffix.lower() in RESULT_SUFFIXES)
        return {path.stem: fingerprint([path]) for path in files}

    def check(self, keys: list[CaseId]) -> None:
        """See `System.check`."""
        if not self.folder.is_dir():
            raise InputError(f"no folder of results at {self.folder}: check --results {self.name}")
        missing = [key.name for key in keys if self._path(key) is None]
        if missing:
            raise InputError(
                f"{self.folder} lacks {len(missing)} of {len(keys)} results, such as {missing[0]}.mp4: "
                "systems can only be compared on the same clips"
            )

    def frames(self, case: Case, analyzer: FaceAnalyzer) -> np.ndarray:
        """See `System.frames`: of any square size; the frame rate is not looked at."""
        path = self._path(case.key)
        assert path is not None, "checked before"
        frames = list(VideoReader(path))
        wanted = len(case.driver)
        if len(frames) != wanted:
            raise InputError(f"{path} has {len(frames)} frames, the driver has {wanted}: one result a frame is needed")
        height, width = frames[0].shape[:2]
        if height != width:
            raise InputError(f"{path} is {width}x{height}: a square result like the inputs is needed")
        side = len(case.portrait)
        way = cv2.INTER_AREA if width > side else cv2.INTER_CUBIC
        if width != side:
            frames = [cv2.resize(frame, (side, side), interpolation=way) for frame in frames]
        return np.stack(frames)

    def _path(self, key: CaseId) -> Path | None:
        paths = (self.folder / f"{key.name}{suffix}" for suffix in RESULT_SUFFIXES)
        return next((path for path in paths if path.is_file()), None)


@dataclass(frozen=True)
class Truth:
    """The true frames, judged like everybody else: what the face analyzer's errors leave of a perfect result."""

    name: str = "truth"

    def settings(self) -> dict[str, Any]:
        """See `System.settings`."""
        return {}

    def check(self, keys: list[CaseId]) -> None:
        """See `System.check`."""

    def frames(self, case: Case, analyzer: FaceAnalyzer) -> np.ndarray:
        """See `System.frames`."""
        assert case.truth is not None, "only suites with a truth have this system"
        return case.truth


@cache
def _pipeline(model: str) -> MegActorPipeline:
    return MegActorPipeline.from_preset(model)
