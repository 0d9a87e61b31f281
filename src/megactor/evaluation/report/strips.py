"""Playable strips: portrait, driver, results and truth of one case side by side in a small video."""

import base64
import io
import tempfile
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from megactor.evaluation.run import INPUTS, RESULTS, TRUTH
from megactor.media.images import load_image
from megactor.media.reader import VideoReader
from megactor.media.writer import VideoWriter

TILE = 192
_CRF = 27


def strip_parts(folder: Path, name: str, systems: list[str]) -> list[tuple[str, Path]]:
    """Headings and files of a case's tiles; those that a run has not got are left out.

    Args:
        folder: of the run.
        name: of the case.
        systems: whose results are wanted, in order.
    """
    files = [("portrait", folder / INPUTS / f"{name}.png"), ("driver", folder / INPUTS / f"{name}.mp4")]
    files += [(system, folder / RESULTS / system / f"{name}.mp4") for system in systems]
    files.append(("truth", folder / TRUTH / f"{name}.mp4"))
    return [(title, path) for title, path in files if path.is_file()]


def strip_video(parts: list[tuple[str, Path]]) -> tuple[str, str]:
    """A silent H.264 video of all tiles in a row, and its middle frame for where it does not play, as data URIs.

    Args:
        parts: from `strip_parts`; a picture stands still.

    Raises:
        InputError: a file is damaged.
    """
    still = _tile(load_image(parts[0][1]))
    readers = [VideoReader(path) for _, path in parts[1:]]
    size = (TILE * len(parts), TILE)
    with tempfile.TemporaryDirectory(prefix="megactor-") as place:
        path, strips = Path(place) / "strip.mp4", []
        with VideoWriter(path, Fraction(readers[0].fps), size, crf=_CRF, preset="slow") as writer:
            last = [still] * len(readers)
            for frames in zip_longest(*readers):
                last = [before if frame is None else _tile(frame) for frame, before in zip(frames, last, strict=True)]
                strips.append(np.hstack([still, *last]))
                writer.write(strips[-1])
        poster = io.BytesIO()
        Image.fromarray(strips[len(strips) // 2]).save(poster, format="JPEG", quality=75)
        return _data_uri("video/mp4", path.read_bytes()), _data_uri("image/jpeg", poster.getvalue())


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _tile(picture: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.resize(picture, (TILE, TILE), interpolation=cv2.INTER_AREA))
