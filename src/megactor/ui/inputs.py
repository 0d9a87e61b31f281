"""What the page finds out about a portrait and a driving video before anything is animated."""

import base64
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from megactor.drive.crop import crop_and_resize, portrait_crop
from megactor.drive.portrait import MIN_FACE, Portrait, find_faces, read_portrait
from megactor.errors import FaceError, InputError
from megactor.faces.analyzer import FaceAnalyzer, create_analyzer
from megactor.media.images import load_image
from megactor.media.reader import VideoReader
from megactor.options import Square

PREVIEW_SIDE = 640
"""Longer side of the portrait as the page shows it."""
LOOK_AHEAD = 50
"""Frames of a driving video that are searched for a face: two seconds at 25 a second."""
LOOK_STEP = 5


@dataclass(frozen=True)
class Look:
    """What was found in a file.

    facts: as JSON can hold it. Of a portrait: width, height in pixels and `faces`, the largest first, each with the
        index for `AnimationOptions.face`, and box and crop as [x, y, width, height] in parts of the picture; the crop
        may reach outside of it. Of a video: seconds (None where the file does not say) and note, what it is in a line.
    pictures: JPEGs for the page by name: "picture" of a portrait; of a video "poster", and "face" where its beginning
        shows one.
    """

    facts: dict[str, Any]
    pictures: dict[str, bytes] = field(default_factory=dict)


_SMALL = 64
"""Pixels of a portrait that nobody looks at."""


class InputReader:
    """Looks at uploads; one detector for all visitors, one picture at a time.

    Args:
        analyzer: finds faces; by default the same as the pipeline's, made at first use.
    """

    def __init__(self, analyzer: FaceAnalyzer | None = None) -> None:
        self._analyzer = analyzer
        self._lock = threading.Lock()

    def portrait(self, path: Path) -> Look:
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
        facts = {"width": width, "height": height, "faces": found}
        return Look(facts, {"picture": jpeg(picture, PREVIEW_SIDE)})

    def cut(self, path: Path, face: int, square: Square | None) -> Portrait:
        """A face of a picture, or the square around it that was asked for, as jobs cut it, small.

        Raises:
            InputError: not a picture.
            FaceError: no such face.
        """
        with self._finder() as analyzer:
            return read_portrait(load_image(path), analyzer, face, _SMALL, _SMALL, square=square)

    def driving(self, path: Path) -> Look:
        """Opens a video and looks for a face in its first frames.

        Raises:
            InputError: not a video.
        """
        reader = VideoReader(path)
        source = reader.source
        first: np.ndarray | None = None
        shown: np.ndarray | None = None
        pictures: dict[str, bytes] = {}
        for number, frame in zip(range(LOOK_AHEAD), reader, strict=False):
            first = frame if first is None else first
            if number % LOOK_STEP:
                continue
            with self._finder() as analyzer:
                faces = analyzer.faces(frame)
            if faces:
                shown = frame
                crop = portrait_crop(faces[0].box, source.width, source.height)
                pictures["face"] = jpeg(crop_and_resize(frame, crop, 96), 96)
                break
        if first is None:
            raise InputError(f"the video has no frames: {path}")
        seconds = None if source.duration is None else float(source.duration)
        parts = [f"{seconds:.1f} s"] if seconds is not None else []
        parts += [f"{float(source.fps):.4g} frames/s", f"{source.width}x{source.height}"]
        parts += ["sound" if source.has_audio else "no sound"]
        pictures["poster"] = jpeg(first if shown is None else shown, 480)
        return Look({"seconds": seconds, "note": " · ".join(parts)}, pictures)

    @contextmanager
    def _finder(self) -> Iterator[FaceAnalyzer]:
        with self._lock:
            if self._analyzer is None:
                self._analyzer = create_analyzer()
            yield self._analyzer


def _found(index: int, box: np.ndarray, width: int, height: int) -> dict[str, Any]:
    x0, y0, x1, y1 = (float(edge) for edge in box)
    crop = portrait_crop(box, width, height)
    return {
        "index": index,
        "box": [x0 / width, y0 / height, (x1 - x0) / width, (y1 - y0) / height],
        "crop": [crop.x / width, crop.y / height, crop.side / width, crop.side / height],
    }


def jpeg(picture: np.ndarray, side: int) -> bytes:
    """A uint8 RGB picture (H, W, 3) as a JPEG of at most `side` pixels."""
    image = Image.fromarray(picture)
    image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def data_url(picture: np.ndarray, side: int) -> str:
    """`jpeg` as a page can hold it without a request."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(picture, side)).decode("ascii")


def demo_folder() -> Path:
    """Where the packaged examples lie."""
    return Path(str(resources.files("megactor") / "assets" / "demo"))
