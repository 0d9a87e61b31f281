"""The frames of a source, whatever it is: any stretch of them, at one rate, no more than one at a time in memory."""

import contextlib
import math
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Protocol

import cv2
import numpy as np

from megactor.curate.remote import is_url, local_copy
from megactor.curate.settings import CurationSettings
from megactor.curate.sources import PICTURES, Source
from megactor.errors import InputError
from megactor.media.container import probe
from megactor.media.images import load_image
from megactor.media.reader import VideoReader

MOST_PICTURE_BYTES = 128 * 2**20
"""Unpacked size of one picture in a zip."""


class Footage(Protocol):
    """Frames of a source at the run's rate, numbered from 0.

    count: about how many there are, or None where nobody knows before they are decoded.
    size: width and height of a whole frame in pixels.
    stored_fps: frames a second that the source itself has.
    """

    count: int | None
    size: tuple[int, int]
    stored_fps: float

    def frames(
        self, first: int, last: int | None, max_side: int | None, as_stored: bool = False
    ) -> Iterator[np.ndarray]:
        """Frames first to last - 1 (None: to the end), uint8 RGB, reduced to `max_side`.

        With `as_stored` what the source has for their time, at its own rate.
        """
        ...


@contextlib.contextmanager
def open_footage(source: Source, settings: CurationSettings) -> Iterator[Footage]:
    """Opens a source.

    Raises:
        InputError: it cannot be read.
    """
    if source.kind == "faulty":
        raise InputError(source.inside)
    with contextlib.ExitStack() as stack:
        most_bytes = int(settings.most_file_gb * 2**30)
        path = stack.enter_context(local_copy(source.path, most_bytes)) if is_url(source.path) else Path(source.path)
        footage: Footage
        if source.kind == "video":
            footage = _VideoFootage(path, source.span, settings.fps)
        elif source.kind == "pictures":
            footage = _PictureFootage(_Folder(path), settings)
        else:
            footage = _PictureFootage(stack.enter_context(_zip_pictures(path, source.inside)), settings)
        yield footage if source.region is None else _RegionFootage(footage, source.region)


class _VideoFootage:
    """A video file; `start` and `end` in seconds limit it."""

    def __init__(self, path: Path, span: tuple[float, float] | None, fps: float) -> None:
        self._path, self._fps = path, Fraction(fps).limit_denominator(1001)
        self._info = probe(path)
        self.size = (self._info.width, self._info.height)
        self.stored_fps = float(self._info.fps)
        start, end = span if span is not None else (0.0, math.inf)
        total = self._info.duration
        if total is not None:
            if start >= total:
                raise InputError(f"the span begins at {start:g} s, the video ends at {float(total):.2f} s: {path.name}")
            end = min(end, float(total))
        self._offset = round(start * self._fps)
        self.count = None if math.isinf(end) else max(1, round(end * self._fps) - self._offset)

    def frames(
        self, first: int, last: int | None, max_side: int | None, as_stored: bool = False
    ) -> Iterator[np.ndarray]:
        last = self.count if last is None else last
        start = Fraction(self._offset + first) / self._fps
        end = None if last is None else Fraction(self._offset + last) / self._fps
        if self._info.duration is not None and start >= self._info.duration:
            return
        # one thread: the other cores have workers of their own
        fps = None if as_stored else self._fps
        yield from VideoReader(self._path, start, end, fps, max_side, threads=1)  # type: ignore[arg-type]


class _Pictures(Protocol):
    def __len__(self) -> int: ...

    def picture(self, number: int) -> np.ndarray: ...


class _PictureFootage:
    """Numbered pictures; of other rates the nearest one before."""

    def __init__(self, pictures: _Pictures, settings: CurationSettings) -> None:
        self._pictures = pictures
        if len(pictures) == 0:
            raise InputError("no pictures")
        self._step = settings.frames_fps / settings.fps
        self.stored_fps = settings.frames_fps
        self.count: int | None = max(1, math.floor(len(pictures) / self._step))
        height, width = pictures.picture(0).shape[:2]
        self.size = (width, height)

    def frames(
        self, first: int, last: int | None, max_side: int | None, as_stored: bool = False
    ) -> Iterator[np.ndarray]:
        assert self.count is not None
        wanted = range(first, min(self.count, self.count if last is None else last))
        numbers: Iterable[int] = (min(int(number * self._step), len(self._pictures) - 1) for number in wanted)
        if as_stored:
            edges = (min(int(number * self._step), len(self._pictures)) for number in (wanted.start, wanted.stop))
            numbers = range(*edges)
        for number in numbers:
            picture = self._pictures.picture(number)
            if picture.shape[1::-1] != self.size:
                raise InputError(f"pictures of different sizes: {picture.shape[1]}x{picture.shape[0]}, {self.size}")
            yield _reduced(picture, max_side)


class _Folder:
    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError(f"folder not found: {folder}")
        files = (path for path in folder.iterdir() if path.suffix.lower() in PICTURES and not path.name.startswith("."))
        self._files = sorted(files, key=lambda path: _natural(path.name))

    def __len__(self) -> int:
        return len(self._files)

    def picture(self, number: int) -> np.ndarray:
        return load_image(self._files[number])


@contextlib.contextmanager
def _zip_pictures(path: Path, inside: str) -> Iterator["_Zip"]:
    try:
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory(prefix="megactor-") as scratch:
            yield _Zip(archive, inside, Path(scratch, "picture"))
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError) as error:
        raise InputError(f"cannot read the zip {path.name}: {error}") from None


class _Zip:
    """Members go through one temporary file with a name of our own: no member's name ever becomes a path."""

    def __init__(self, archive: zipfile.ZipFile, inside: str, scratch: Path) -> None:
        self._archive, self._scratch = archive, scratch
        members = (member for member in archive.infolist() if _is_picture_in(member, inside))
        self._members = sorted(members, key=lambda member: _natural(member.filename))

    def __len__(self) -> int:
        return len(self._members)

    def picture(self, number: int) -> np.ndarray:
        member = self._members[number]
        if member.file_size > MOST_PICTURE_BYTES or member.flag_bits & 1:
            raise InputError(f"a member of the zip is encrypted or larger than {MOST_PICTURE_BYTES >> 20} MB unpacked")
        with self._archive.open(member) as packed:  # reads no more than the size that was announced
            content = packed.read(MOST_PICTURE_BYTES + 1)
        if len(content) > MOST_PICTURE_BYTES:
            raise InputError(f"a member of the zip is larger than {MOST_PICTURE_BYTES >> 20} MB unpacked")
        self._scratch.write_bytes(content)
        return load_image(self._scratch)


def _is_picture_in(member: zipfile.ZipInfo, inside: str) -> bool:
    inner = PurePosixPath(member.filename)
    folder = str(inner.parent)
    return not member.is_dir() and inner.suffix.lower() in PICTURES and folder == (inside or ".")


class _RegionFootage:
    """A part of another footage's frames."""

    def __init__(self, whole: Footage, region: Sequence[float]) -> None:
        self._whole, self._region = whole, region
        self.count, self.stored_fps = whole.count, whole.stored_fps
        left, top, right, bottom = self._box(*whole.size)
        self.size = (right - left, bottom - top)

    def frames(
        self, first: int, last: int | None, max_side: int | None, as_stored: bool = False
    ) -> Iterator[np.ndarray]:
        if max_side is not None:
            max_side = math.ceil(max_side * max(self._whole.size) / max(self.size))
        for frame in self._whole.frames(first, last, max_side, as_stored):
            left, top, right, bottom = self._box(frame.shape[1], frame.shape[0])
            yield np.ascontiguousarray(frame[top:bottom, left:right])

    def _box(self, width: int, height: int) -> tuple[int, int, int, int]:
        left, top, right, bottom = self._region
        x, y = min(int(left * width), width - 1), min(int(top * height), height - 1)
        return x, y, max(x + 1, round(right * width)), max(y + 1, round(bottom * height))


def _reduced(picture: np.ndarray, max_side: int | None) -> np.ndarray:
    scale = 1.0 if max_side is None else max_side / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _natural(name: str) -> list[tuple[int, str]]:
    """frame2 before frame10."""
    return [(int(part[:18]), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
