"""One clip through all stages that need nothing of other clips: a plain function, the work of one process."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from megactor.curate import faces, select
from megactor.curate.doubled import SAME_SPEED, Changes, Stretch
from megactor.curate.duplicates import Signature, signature
from megactor.curate.filter import picture_reason, track_reason
from megactor.curate.read import open_footage
from megactor.curate.settings import CurationSettings
from megactor.curate.sources import Source, stable_key
from megactor.drive.crop import face_size
from megactor.errors import FaceError, InputError
from megactor.faces.analyzer import FaceAnalyzer
from megactor.media.shots import SIDE, find_shots, mark_frames

if TYPE_CHECKING:
    from megactor.curate.twins.backend import TwinBackend

_FOLLOW_SIDE = 1280
"""Longer side at which faces are followed: the analyzer looks at no more."""


@dataclass(frozen=True)
class ClipPlan:
    """A stretch of a source that may become a clip.

    source: where.
    first, last: first frame, and the frame after the last, at the run's rate.
    """

    source: Source
    first: int
    last: int

    @property
    def key(self) -> str:
        """16 hexadecimal digits, the same in every run; the sample's key in the shards."""
        return stable_key(self.source.key, self.first, self.last)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"source": self.source.to_dict(), "first": self.first, "last": self.last}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ClipPlan":
        """Of `to_dict`."""
        return cls(Source.from_dict(values["source"]), int(values["first"]), int(values["last"]))


@dataclass
class CuratedClip:
    """What became of a plan.

    reason: why it was dropped, one of `filter.REASONS`; None for a clip that may be kept.
    detail: words for people, such as the error.
    found: everything that was measured, by name.
    seconds: time spent, by stage.
    twins: stream -> "kept", or why there is none.
    pictures: stream ("target" first) -> (T, S, S, 3) uint8; empty for dropped clips.
    arrays: of `truth.npz`.
    signature: for the search for duplicates.
    strip: a few pictures side by side (S, N S, 3) uint8 for the report, where any were seen.
    """

    reason: str | None = None
    detail: str = ""
    found: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    twins: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, np.ndarray] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    signature: Signature | None = None
    strip: np.ndarray | None = None


def find_clips(source: Source, settings: CurationSettings) -> tuple[list[ClipPlan], str | None]:
    """Cuts a source at its scene changes into stretches of the wanted length.

    Returns:
        The stretches, and the reason if there is none.

    Raises:
        InputError: it cannot be read.
    """
    with open_footage(source, settings) as footage:
        most = int(settings.most_hours * 3600 * settings.fps)
        last = most if footage.count is None else min(footage.count, most)
        shots = find_shots(mark_frames(footage.frames(0, last, SIDE)))
    stretches = cut_to_length(shots, settings.least_frames, settings.most_frames)
    reason = None if stretches else "no_shot" if shots else "dark"
    return [ClipPlan(source, first, last) for first, last in stretches], reason


def cut_to_length(shots: list[tuple[int, int]], least: int, most: int) -> list[tuple[int, int]]:
    """Shots as clips of `least` to `most` frames: long ones in equal parts, short ones left out."""
    clips = []
    for first, last in shots:
        length = last - first
        if length < least:
            continue
        parts = -(-length // most)
        edges = [first + round(length * part / parts) for part in range(parts + 1)]
        clips += [(a, b) for a, b in pairwise(edges) if b - a >= least]
    return clips


def curate_clip(
    plan: ClipPlan, settings: CurationSettings, analyzer: FaceAnalyzer, backends: "list[TwinBackend] | None" = None
) -> CuratedClip:
    """Follows the face, judges the clip, crops it, and makes its twins.

    Args:
        plan: what to look at.
        settings: of the run.
        analyzer: finds faces.
        backends: what makes twins.

    Raises:
        InputError: the source cannot be read.
    """
    clip = CuratedClip()
    with open_footage(plan.source, settings) as footage:
        with _timed(clip, "follow"):
            found = _follow(Stretch.of(footage, plan.first, plan.last, settings.fps), settings, analyzer, clip)
        if found is None or clip.reason is not None:
            return clip
        stretch, followed = found
        with _timed(clip, "crop"):
            box = faces.crop_square(followed)
            pictures, mesh = faces.cropped(stretch.frames(None), followed, box, settings.size)
            measured = faces.measured(mesh)
    with _timed(clip, "judge"):
        clip.found["brightness"] = float(np.median(pictures.mean((1, 2, 3))))
        clip.found["sharpness"] = faces.sharpness(pictures, mesh)
        clip.found["covered"] = faces.covered(pictures, mesh, measured["yaw"])
        clip.strip = np.hstack(pictures[np.linspace(0, len(pictures) - 1, 6).astype(int)])
        clip.reason = picture_reason(clip.found, settings)
        if clip.reason is not None:
            return clip
        clip.signature = signature(pictures, measured)
    with _timed(clip, "foreground"):
        people = np.stack([analyzer.foreground(picture) > 0.5 for picture in pictures])
    clip.pictures["target"] = pictures
    clip.arrays = {
        "landmarks.target": faces.landmarks70(mesh),
        "foreground.target": np.packbits(people, axis=-1),
        "found": followed.track.found[: len(pictures)],
        **{f"measured.{name}": values for name, values in measured.items()},
    }
    if backends:
        with _timed(clip, "twins"):
            _add_twins(clip, mesh, int(plan.key[:8], 16), backends, analyzer)
    return clip


def _follow(
    stretch: Stretch, settings: CurationSettings, analyzer: FaceAnalyzer, clip: CuratedClip
) -> tuple[Stretch, faces.Followed] | None:
    """What is taken of the stretch, and the face in it; None without a face."""
    length = stretch.last - stretch.first
    seen: list[np.ndarray] = []

    def looked_at(part: Stretch, changes: Changes) -> Iterator[np.ndarray]:
        seen.clear()
        for number, frame in enumerate(part.frames(_FOLLOW_SIDE)):
            if number % max(1, length // 6) == 0:
                seen.append(frame)
            changes.look(frame)
            yield frame

    def follow(part: Stretch, changes: Changes) -> faces.Followed:
        return faces.follow(looked_at(part, changes), analyzer, part.footage.size, settings.most_other)

    doubled = 0.0
    try:
        changes = Changes()
        followed = follow(stretch, changes)
        if changes.doubled().any():
            stretch, doubled = stretch.without_doubled()
            if doubled <= settings.most_doubled:
                followed = follow(stretch, Changes())
    except FaceError:
        brightness = float(np.mean([frame.mean() for frame in seen])) if seen else 0.0
        clip.found = {"found": 0.0, "brightness": brightness}
        clip.reason = "dark" if brightness < settings.least_brightness else "no_face"
        clip.strip = faces.contact_strip(seen)
        return None
    if len(followed.track) < (1 - SAME_SPEED) * settings.least_frames:
        raise InputError(f"only {len(followed.track)} of {length} frames can be read")
    track = followed.track
    box = faces.crop_square(followed)
    spread = select.spreads(faces.measured(track.landmarks))
    clip.found = {
        "brightness": float(np.mean([frame.mean() for frame in seen])),
        "found": float(track.found.mean()),
        "crowded": followed.crowded,
        "jump": faces.jump(track),
        "outside": faces.outside(followed),
        "face": float((np.median(face_size(track.boxes)) / box.side) ** 2),
        "side": box.side,
        "doubled": doubled,
        "jitter": faces.jitter(track),
        "motion": select.motion(spread),
        "score": select.expressiveness(spread),
        **{f"spread_{name}": value for name, value in spread.items()},
    }
    clip.reason = track_reason(clip.found, settings)
    if clip.reason is not None:
        clip.strip = faces.contact_strip(seen)
    return stretch, followed


def _add_twins(
    clip: CuratedClip, mesh: np.ndarray, seed: int, backends: "list[TwinBackend]", analyzer: FaceAnalyzer
) -> None:
    from megactor.curate.twins.make import make_twins

    target = clip.pictures["target"]
    for stream, twin in make_twins(target, mesh, backends, seed, analyzer).items():
        clip.found |= {f"{stream}_{name}": float(score) for name, score in twin.scores.items()}
        if twin.frames is None or twin.landmarks is None:
            clip.twins[stream] = twin.reason or "failed"
            continue
        clip.pictures[stream] = twin.frames
        clip.arrays[f"landmarks.{stream}"] = faces.landmarks70(twin.landmarks)
        clip.twins[stream] = "kept"


@contextmanager
def _timed(clip: CuratedClip, stage: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        clip.seconds[stage] = clip.seconds.get(stage, 0.0) + time.perf_counter() - start
