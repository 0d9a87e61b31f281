"""Suites of people's own files: videos whose first frame is driven by the rest, and portraits driven by videos."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from megactor.drive.crop import crop_and_resize
from megactor.drive.portrait import read_portrait
from megactor.drive.recording import DrivingClip
from megactor.errors import InputError
from megactor.evaluation.case import SIDE, Case, CaseFiles, CaseId
from megactor.evaluation.suites.files import PICTURES, VIDEOS, file_named, files_in, fingerprints, style_of
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.face import MESH_TO_68
from megactor.faces.tracking import FaceTrack, track_face
from megactor.media.images import load_image
from megactor.media.reader import VideoReader
from megactor.options import AnimationOptions
from megactor.result import no_progress

MARGIN = 0.04
"""Of the picture's side, around people: what the segmenter leaves of hair must not count as background."""


@dataclass(frozen=True)
class SelfDriven:
    """Talking-head videos: the first frame is the portrait, all frames drive and are the truth.

    The usual test of papers since the First Order Motion Model (Siarohin et al., 2019). The crop is the portrait's
    square in every frame.

    videos: folder.
    frames: at most so many of every video.
    size: S, side of the pictures.
    """

    videos: Path
    frames: int
    size: int = SIDE

    def cases(self) -> list[CaseId]:
        """See `Suite.cases`."""
        videos = files_in(self.videos, VIDEOS, "video")
        return [CaseId(path.stem, style_of(path, self.videos), path.stem, cross=False) for path in videos]

    def load(self, key: CaseId, analyzer: FaceAnalyzer) -> Case:
        """See `Suite.load`."""
        reader = VideoReader(file_named(self.videos, VIDEOS, key.name))
        frames = list(islice(reader, self.frames))
        _check_moves(frames, reader.path)
        portrait = read_portrait(frames[0], analyzer, 0, self.size, self.size)
        track = track_face(frames, analyzer)
        truth = np.stack([crop_and_resize(frame, portrait.crop, self.size, repeat_border=True) for frame in frames])
        in_crop = FaceTrack(portrait.crop.to_crop(track.landmarks, self.size), track.found)
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
        return {
            "suite": "self",
            "size": self.size,
            "frames": self.frames,
            "videos": fingerprints(self.videos, VIDEOS, "video"),
        }


@dataclass(frozen=True)
class CrossDriven:
    """Every portrait driven by every video; there is no truth.

    portraits, videos: folders.
    frames: at most so many of every video.
    size: S, side of the pictures.
    """

    portraits: Path
    videos: Path
    frames: int
    size: int = SIDE

    def cases(self) -> list[CaseId]:
        """See `Suite.cases`: every portrait comes up once before any of them comes up again."""
        portraits = files_in(self.portraits, PICTURES, "picture")
        videos = files_in(self.videos, VIDEOS, "video")
        keys = []
        for shift in range(len(videos)):
            for number, portrait in enumerate(portraits):
                driver = videos[(number + shift) % len(videos)]
                style = style_of(portrait, self.portraits)
                keys.append(CaseId(f"{portrait.stem}--{driver.stem}", style, portrait.stem, cross=True))
        return keys

    def load(self, key: CaseId, analyzer: FaceAnalyzer) -> Case:
        """See `Suite.load`."""
        driver_name = key.name.removeprefix(f"{key.identity}--")
        portrait, driver = (
            file_named(self.portraits, PICTURES, key.identity),
            file_named(self.videos, VIDEOS, driver_name),
        )
        end = float((self.frames - Fraction(1, 2)) / VideoReader(driver).fps)  # between the last frame and the next
        return cross_driven(key, CaseFiles(portrait, driver, None, end), self.size, analyzer)

    def settings(self) -> dict[str, Any]:
        """See `Suite.settings`."""
        return {
            "suite": "cross",
            "size": self.size,
            "frames": self.frames,
            "portraits": fingerprints(self.portraits, PICTURES, "picture"),
            "videos": fingerprints(self.videos, VIDEOS, "video"),
        }


def cross_driven(key: CaseId, files: CaseFiles, size: int, analyzer: FaceAnalyzer) -> Case:
    """A portrait and somebody else's video, framed as the pipeline frames it.

    Args:
        key: of the case.
        files: portrait and driver.
        size: S, side of the pictures.
        analyzer: finds faces and people.

    Raises:
        InputError: a file cannot be used.
    """
    portrait = read_portrait(load_image(files.portrait), analyzer, 0, size, size)
    reader = VideoReader(files.driver, files.start, files.end)
    clip = DrivingClip(reader, analyzer, portrait, AnimationOptions(), size, size, no_progress)
    frames = [frame.preview for frame in clip.frames() if frame.preview is not None]
    _check_moves(frames, files.driver)
    driver = np.stack(frames)
    landmarks68 = portrait.crop.to_crop(portrait.face.landmarks68, size)
    return Case(
        key=key,
        fps=reader.fps,
        portrait=portrait.large,
        driver=driver,
        driver_boxes=None,
        truth=None,
        background=_background(np.broadcast_to(portrait.large, driver.shape), driver, analyzer),
        first_is_portrait=False,
        landmarks=(landmarks68, landmarks68),  # the driver's face has the portrait's place
        files=files,
    )


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


def _check_moves(frames: list[np.ndarray], path: Path) -> None:
    if len(frames) < 2:
        raise InputError(f"{path.name} has {len(frames)} frame(s): nothing moves in it")
