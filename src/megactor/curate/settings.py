"""What a curation run is told: how clips are cut and which are dropped."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from megactor.errors import InputError


@dataclass(frozen=True)
class CurationSettings:
    """Numbers of a run; a folder of shards is made with one set of them.

    Attributes:
        size: side of the written pictures in pixels.
        fps: frame rate of the clips.
        frames_fps: frame rate at which folders and zips of pictures were taken.
        least_seconds, most_seconds: length of a clip; longer shots are cut into equal parts.
        least_side: pixels of the source that the crop must have.
        least_face: share of the crop that the face's box must cover (official: 20 %).
        least_found: share of the frames that must show the face.
        most_other: size of another face, relative to the followed one (areas), from which it counts as a person.
        most_crowded: share of the looked-at frames that may show another person.
        least_brightness: mean of the crop, 0 to 255 (official: 5).
        least_sharpness: see `faces.sharpness`.
        most_covered: share of the frames in which something may cover a part of the face.
        most_jump: farthest way of the face from one frame to the next, in face sizes: more is a cut.
        most_doubled: share of the frames that may show the one before, once those that were stored twice are left out.
        most_jitter: see `faces.jitter`.
        least_motion: see `select.expressiveness`, head motion included.
        most_alike: share of the bits of two perceptual hashes that may differ in duplicates.
        strongest: share of the kept clips that is marked for stage 3.
        crf: H.264 quality of the clips.
        shard_mb: megabytes from which a tar file is full.
        most_hours: length up to which a file is read.
        most_file_gb: largest remote file that is read.
    """

    size: int = 512
    fps: float = 25.0
    frames_fps: float = 25.0
    least_seconds: float = 2.0
    most_seconds: float = 8.0
    least_side: int = 256
    least_face: float = 0.2
    least_found: float = 0.9
    most_other: float = 0.25
    most_crowded: float = 0.1
    least_brightness: float = 5.0
    least_sharpness: float = 0.055
    most_covered: float = 0.2
    most_jump: float = 0.4
    most_doubled: float = 0.05
    most_jitter: float = 0.025
    least_motion: float = 1.0
    most_alike: float = 0.1
    strongest: float = 0.05
    crf: int = 12
    shard_mb: float = 512.0
    most_hours: float = 4.0
    most_file_gb: float = 64.0

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            InputError: one of them makes no sense.
        """
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < 1e9:
                raise InputError(f"{field.name} must be a number from 0 on, not {value}")
        for name in ("size", "fps", "frames_fps", "least_seconds", "shard_mb", "most_hours", "most_file_gb"):
            if getattr(self, name) == 0:
                raise InputError(f"{name} must be more than 0")
        if self.size % 8 or self.size > 2048:
            raise InputError(f"size must be a multiple of 8 up to 2048, not {self.size}")
        if self.most_seconds < self.least_seconds:
            raise InputError(f"most_seconds {self.most_seconds:g} is less than least_seconds {self.least_seconds:g}")
        if self.most_frames > 2000:  # what megactor.train.shards refuses
            raise InputError(f"clips of {self.most_frames} frames are too long: 2000 are the most")
        if self.least_frames < 8:
            raise InputError(f"clips of {self.least_frames} frames are too short: 8 are the least")
        if self.crf > 51:
            raise InputError(f"crf must be 0 to 51, not {self.crf}")

    @property
    def least_frames(self) -> int:
        """Frames of the shortest clip."""
        return round(self.least_seconds * self.fps)

    @property
    def most_frames(self) -> int:
        """Frames of the longest clip."""
        return round(self.most_seconds * self.fps)

    def changed(self, changes: Sequence[str]) -> "CurationSettings":
        """Settings with NAME=VALUE changes.

        Raises:
            InputError: no such name, or no such value.
        """
        types: Mapping[str, Any] = {field.name: field.type for field in dataclasses.fields(self)}
        values: dict[str, Any] = {}
        for change in changes:
            name, _, value = change.partition("=")
            if name not in types:
                raise InputError(f"--set {change}: unknown name; known are {', '.join(types)}")
            try:
                values[name] = types[name](value)
            except ValueError:
                raise InputError(f"--set {change}: {value!r} is no {types[name].__name__}") from None
        return dataclasses.replace(self, **values)
