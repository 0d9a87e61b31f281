"""Suites of people's own files: videos whose first frame is driven by the rest, and portraits driven by videos."""

from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from megactor.drive.crop import aligned_driving_crop, crop_and_resize
from megactor.drive.portrait import Portrait, read_portrait
from megactor.errors import InputError
from megactor.evaluation.case import SIDE, Case, CaseId
from megactor.evaluation.fingerprint import fingerprint
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.face import MESH_TO_68
from megactor.faces.tracking import FaceTrack, track_face
from megactor.media.images import load_image
from megactor.media.reader import VideoReader

VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".gif", ".webp")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")

MARGIN = 0.04
"""Of the picture's side, around people: what the segmenter leaves of hair must not count as background."""


@dataclass(frozen=True)
class SelfDriven:
    """Talking-head videos: the first frame is the portrait, all frames drive and are the truth.

    The usual test of papers since the First Order Motion Model (Siarohin et al., 2019). The crop is the portrait's
    square in every frame.

    videos: folder.
    frames: at most so many of every video.
    """

    videos: Path
    frames: int

    def cases(self) -> list[CaseId]:
        """See `Suite.cases`."""
        videos = _files(self.videos, VIDEOS, "video")
        return [CaseId(path.stem, _style(path, self.videos), path.stem, cross=False) for path in videos]

    def load(self, key: CaseId, analyzer: FaceAnalyzer) -> Case:
        """See `Suite.load`."""
        reader, frames = _read(_file(self.videos, VIDEOS, key.name), self.frames)
        portrait = read_portrait(frames[0], analyzer, 0, SIDE, SIDE)
        track = track_face(frames, analyzer)
        truth = np.stack([crop_and_resize(frame, portrait.crop, SIDE, repeat_border=True) for frame in frames])
        in_crop = FaceTrack(portrait.crop.to_crop(track.landmarks, SIDE), track.found)
        landmarks68 = in_crop.landmarks[0][list(MESH_TO_68)]
        return Case(
            key=key,
            fps=reader.fps,
            portrait=truth[0],
            driver=truth,
            driver_boxes=in_crop.smooth_boxes(),
            truth=truth,
            background=_background(truth, truth, analyzer),
            first_is_portrait=True,
            landmarks=(landmarks68, landmarks68),
        )

    def settings(self) -> dict[str, Any]:
        """See `Suite.settings`."""
        return {"suite": "self", "frames": self.frames, "videos": _fingerprints(self.videos, VIDEOS, "video")}


@dataclass(frozen=True)
class CrossDriven:
    """Every portrait driven by every video; there is no truth.

    portraits, videos: folders.
    frames: at most so many of every video.
    """

    portraits: Path
    videos: Path
    frames: int

    def cases(self) -> list[CaseId]:
        """See `Suite.cases`: every portrait comes up once before any of them comes up again."""
        portraits = _files(self.portraits, PICTURES, "picture")
        videos = _files(self.videos, VIDEOS, "video")
        keys = []
        for shift in range(len(videos)):
            for number, portrait in enumerate(portraits):
                driver = videos[(number + shift) % len(videos)]
                style = _style(portrait, self.portraits)
                keys.append(CaseId(f"{portrait.stem}--{driver.stem}", style, portrait.stem, cross=True))
        return keys

    def load(self, key: CaseId, analyzer: FaceAnalyzer) -> Case:
        """See `Suite.load`."""
        driver_name = key.name.removeprefix(f"{key.identity}--")
        picture = load_image(_file(self.portraits, PICTURES, key.identity))
        portrait = read_portrait(picture, analyzer, 0, SIDE, SIDE)
        reader, frames = _read(_file(self.videos, VIDEOS, driver_name), self.frames)
        track = track_face(frames, analyzer)
        crop = aligned_driving_crop(portrait.face.box, portrait.crop, track.boxes)
        driver = np.stack([crop_and_resize(frame, crop, SIDE) for frame in frames])
        in_crop = FaceTrack(crop.to_crop(track.landmarks, SIDE), track.found)
        return Case(
            key=key,
            fps=reader.fps,
            portrait=portrait.large,
            driver=driver,
            driver_boxes=in_crop.smooth_boxes(),
            truth=None,
            background=_background(np.broadcast_to(portrait.large, driver.shape), driver, analyzer),
            first_is_portrait=False,
            landmarks=(_landmarks68(portrait), in_crop.landmarks[0][list(MESH_TO_68)]),
        )

    def settings(self) -> dict[str, Any]:
        """See `Suite.settings`."""
        return {
            "suite": "cross",
            "frames": self.frames,
            "portraits": _fingerprints(self.portraits, PICTURES, "picture"),
            "videos": _fingerprints(self.videos, VIDEOS, "video"),
        }


def _landmarks68(portrait: Portrait) -> np.ndarray:
    return portrait.crop.to_crop(portrait.face.landmarks68, SIDE)


def _background(portrait: np.ndarray, driver: np.ndarray, analyzer: FaceAnalyzer) -> np.ndarray:
    """Where both are free of people in a frame, and `MARGIN` away from them: (F, S, S) bool."""
    reach = max(1, round(MARGIN * portrait.shape[1]))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)

    def free(picture: np.ndarray) -> np.ndarray:
        person = (analyzer.foreground(picture) > 0.1).astype(np.uint8)
        return np.asarray(cv2.dilate(person, kernel) == 0)

    still = free(portrait[0])
    same = portrait is driver
    return np.stack([free(frame) & (True if same else still) for frame in driver])


def _read(path: Path, frames: int) -> tuple[VideoReader, list[np.ndarray]]:
    reader = VideoReader(path)
    read = list(islice(reader, frames))
    if len(read) < 2:
        raise InputError(f"{path.name} has {len(read)} frame(s): nothing moves in it")
    return reader, read


def _files(folder: Path, suffixes: tuple[str, ...], kind: str) -> list[Path]:
    """A folder's files of a kind, sub-folders included, by name; those that start with a dot are not meant."""
    if not folder.is_dir():
        raise InputError(f"no folder of {kind}s at {folder}: check the path")
    try:
        found = [path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file()]
    except OSError as error:
        raise InputError(f"cannot read the folder {folder} ({error.strerror}): check its permissions") from None
    files = sorted((path for path in found if not path.name.startswith(".")), key=lambda path: path.stem)
    if not files:
        raise InputError(f"no {kind} in {folder}: it should hold {', '.join(suffixes)} files")
    for path, following in pairwise(files):
        if path.stem == following.stem:
            raise InputError(f"{path} and {following} share a name: rename one, results are named after them")
    return files


def _style(path: Path, folder: Path) -> str:
    """The sub-folder's name: that is how people say that these are paintings and those are comics."""
    return path.parent.name if path.parent != folder else "-"


def _file(folder: Path, suffixes: tuple[str, ...], stem: str) -> Path:
    return next(path for path in _files(folder, suffixes, "file") if path.stem == stem)


def _fingerprints(folder: Path, suffixes: tuple[str, ...], kind: str) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): fingerprint([path]) for path in _files(folder, suffixes, kind)}
