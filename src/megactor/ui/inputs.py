"""What the page finds out about a portrait and a driving video before anything is animated."""

import base64
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from megactor.drive.crop import crop_and_resize, portrait_crop
from megactor.drive.portrait import MIN_FACE, find_faces
from megactor.errors import FaceError, InputError
from megactor.faces.analyzer import FaceAnalyzer, create_analyzer
from megactor.media.images import load_image
from megactor.media.reader import VideoReader

PREVIEW_SIDE = 640
"""Longer side of the portrait as the page shows it."""
LOOK_AHEAD = 50
"""Frames of a driving video that are searched for a face: two seconds at 25 a second."""
LOOK_STEP = 5


@dataclass(frozen=True)
class FoundFace:
    """A face and the square that would be animated, in parts of the picture's width and height.

    index: for `AnimationOptions.face`.
    box, crop: x, y, width, height; the crop may reach outside of the picture.
    """

    index: int
    box: tuple[float, float, float, float]
    crop: tuple[float, float, float, float]


@dataclass(frozen=True)
class PortraitView:
    """A portrait and its faces, the largest first.

    picture: data URL.
    size: (width, height) of the file in pixels.
    """

    picture: str
    size: tuple[int, int]
    faces: list[FoundFace]


@dataclass(frozen=True)
class DrivingView:
    """A driving video at a glance.

    poster: data URL of the first frame with a face, else of the first.
    face: data URL of the driver's face, or None where the beginning shows none.
    seconds: length, or None where the file does not say.
    note: what it is, in a line.
    """

    poster: str
    face: str | None
    seconds: float | None
    note: str


class InputReader:
    """Looks at uploads; one detector for all visitors, one picture at a time.

    Args:
        analyzer: finds faces; by default the same as the pipeline's, made at first use.
    """

    def __init__(self, analyzer: FaceAnalyzer | None = None) -> None:
        self._analyzer = analyzer
        self._lock = threading.Lock()

    def portrait(self, path: Path) -> PortraitView:
        """Reads a picture and finds its faces.

        Raises:
            InputError: not a picture.
            FaceError: no face, or none that is large enough.
        """
        picture = load_image(path)
        height, width = picture.shape[:2]
        with self._finder() as analyzer:
            faces = find_faces(picture, analyzer)
        found = [
            _found(index, face.box, width, height)
            for index, face in enumerate(faces)
            if max(face.box[2:] - face.box[:2]) >= MIN_FACE
        ]
        if not found:
            raise FaceError(
                f"the {width}x{height} portrait's face has less than the {MIN_FACE} pixels that are needed: "
                "use a larger picture"
            )
        return PortraitView(data_url(picture, PREVIEW_SIDE), (width, height), found)

    def driving(self, path: Path) -> DrivingView:
        """Opens a video and looks for a face in its first frames.

        Raises:
            InputError: not a video.
        """
        reader = VideoReader(path)
        source = reader.source
        first: np.ndarray | None = None
        shown = face = None
        for number, frame in zip(range(LOOK_AHEAD), reader, strict=False):
            first = frame if first is None else first
            if number % LOOK_STEP:
                continue
            with self._finder() as analyzer:
                faces = analyzer.faces(frame)
            if faces:
                shown = frame
                face = data_url(
                    crop_and_resize(frame, portrait_crop(faces[0].box, source.width, source.height), 96), 96
                )
                break
        if first is None:
            raise InputError(f"the video has no frames: {path}")
        seconds = None if source.duration is None else float(source.duration)
        parts = [f"{seconds:.1f} s"] if seconds is not None else []
        parts += [f"{float(source.fps):.4g} frames/s", f"{source.width}x{source.height}"]
        parts += ["sound" if source.has_audio else "no sound"]
        return DrivingView(data_url(first if shown is None else shown, 480), face, seconds, " · ".join(parts))

    @contextmanager
    def _finder(self) -> Iterator[FaceAnalyzer]:
        with self._lock:
            if self._analyzer is None:
                self._analyzer = create_analyzer()
            yield self._analyzer


def _found(index: int, box: np.ndarray, width: int, height: int) -> FoundFace:
    x0, y0, x1, y1 = (float(edge) for edge in box)
    crop = portrait_crop(box, width, height)
    return FoundFace(
        index,
        (x0 / width, y0 / height, (x1 - x0) / width, (y1 - y0) / height),
        (crop.x / width, crop.y / height, crop.side / width, crop.side / height),
    )


def data_url(picture: np.ndarray, side: int) -> str:
    """A uint8 RGB picture (H, W, 3) as a JPEG of at most `side` pixels that a page can hold without a request."""
    image = Image.fromarray(picture)
    image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def take_upload(payload: dict[str, Any] | None, uploads: Path, limit_mb: int) -> Path | None:
    """Checks what the browser says that it uploaded.

    Args:
        payload: file data of the page's upload control.
        uploads: the only folder that an upload may come from.
        limit_mb: largest file in megabytes.

    Returns:
        The file, or None if there is none.

    Raises:
        InputError: the upload is not there, or too large.
    """
    if not payload or not payload.get("path"):
        return None
    source = Path(payload["path"]).resolve()
    if not source.is_relative_to(uploads.resolve()) or not source.is_file():
        raise InputError("the upload did not arrive: choose the file again")
    megabytes = source.stat().st_size / 1e6
    if megabytes > limit_mb:
        raise InputError(f"{source.name} has {megabytes:.0f} MB, this page takes up to {limit_mb} MB")
    return source


def demo_folder() -> Path:
    """Where the packaged examples lie."""
    return Path(str(resources.files("megactor") / "assets" / "demo"))
