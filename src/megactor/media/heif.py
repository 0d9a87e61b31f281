"""HEIC, the pictures of phones, and HDR AVIF: boxes read here (ISO/IEC 23008-12), pictures decoded by FFmpeg.

FFmpeg opens such a file as a video of one tile. Pillow reads ordinary AVIF, no HEIC, and leaves HDR as it is.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorTrc
from numpy.typing import NDArray

from megactor.media.picture import FrameConverter, Turn

STILL_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif")

_DECODERS = {b"hvc1": ("hevc", b"hvcC"), b"av01": ("libdav1d", b"av1C")}
_HDR_TRANSFERS = (ColorTrc.SMPTE2084.value, ColorTrc.ARIB_STD_B67.value)
_MATRIX_601, _UNSPECIFIED, _FULL_RANGE = 6, 2, 2


def is_still(path: Path) -> bool:
    """Whether a file starts like a HEIC or AVIF picture, whatever its suffix; animated ones are videos."""
    with path.open("rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:] in STILL_BRANDS


@dataclass
class _Item:
    kind: bytes = b""
    place: tuple[int, list[tuple[int, int]]] = (0, [])  # construction method; offset and length of each extent
    properties: list[tuple[bytes, memoryview]] = field(default_factory=list)
    uses: dict[bytes, list[int]] = field(default_factory=dict)

    def property(self, name: bytes) -> memoryview | None:
        return next((payload for kind, payload in self.properties if kind == name), None)


class HeifPicture:
    """The main picture of a file.

    Args:
        path: a file that `is_still`.

    Attributes:
        size: (width, height) as stored, before it is turned.
        icc: its color profile, or None where `pixels` gives sRGB already.
        is_hdr: its values stand for more light than SDR has.
        is_avif: Pillow reads it too, if it is not HDR.

    Raises:
        ValueError, struct.error, IndexError, KeyError: boxes that make no sense.
    """

    def __init__(self, path: Path) -> None:
        self._data = memoryview(path.read_bytes())
        self._meta = dict(_boxes(dict(_boxes(self._data))[b"meta"][4:]))
        self._items = _items(self._meta)
        main = _Cursor(self._meta[b"pitm"])
        self._main = main.take(4 if main.take(4) >> 24 else 2)
        item = self._items[self._main]
        extents = item.property(b"ispe")
        if extents is None:
            raise ValueError("a picture without a size")
        self.size: tuple[int, int] = struct.unpack_from(">II", extents, 4)
        self._nclx: tuple[int, int, int, int] | None = None
        self.icc: bytes | None = None
        for kind, payload in item.properties:
            if kind == b"colr" and bytes(payload[:4]) == b"nclx":
                self._nclx = struct.unpack_from(">HHHB", payload, 4)
            elif kind == b"colr":
                self.icc = bytes(payload[4:])
        self.is_avif = bytes(self._data[8:12]) == b"avif"
        self.is_hdr = self._nclx is not None and self._nclx[1] in _HDR_TRANSFERS
        if self.is_hdr:
            self.icc = None  # which could describe SDR only

    def pixels(self) -> NDArray[np.uint8]:
        """The upright picture over white, uint8 RGB (H, W, 3), in the colors of `icc` or else sRGB.

        Raises:
            ValueError, av.error.FFmpegError: what is coded cannot be read.
        """
        item = self._items[self._main]
        picture = self._decoded(self._main)
        for number, other in self._items.items():
            described = other.property(b"auxC")
            if self._main in other.uses.get(b"auxl", []) and described and b"alpha" in bytes(described):
                alpha = self._decoded(number)[..., :1].astype(np.float32) / 255
                picture = np.rint(255 + alpha * (picture.astype(np.float32) - 255)).astype(np.uint8)
        for kind, payload in item.properties:
            if kind == b"clap":
                picture = _cropped(picture, struct.unpack_from(">IIIIiIiI", payload))
            elif kind == b"irot":
                picture = np.rot90(picture, payload[0] & 3)
            elif kind == b"imir":
                picture = picture[:, ::-1] if payload[0] & 1 else picture[::-1]
        return np.ascontiguousarray(picture)

    def _decoded(self, number: int) -> NDArray[np.uint8]:
        item = self._items[number]
        if item.kind in _DECODERS:
            frame = self._frame(item)
            return FrameConverter((frame.width, frame.height), Turn())(frame)
        parts = item.uses.get(b"dimg", [])
        if item.kind == b"iden" and parts:
            return self._decoded(parts[0])
        if item.kind == b"grid":
            return self._grid(_Cursor(self._coded(item)), parts)
        raise ValueError(f"a picture of the kind {item.kind.decode('latin-1')!r}")

    def _grid(self, layout: _Cursor, tiles: list[int]) -> NDArray[np.uint8]:
        side = 4 if layout.take(2) & 1 else 2
        rows, columns, width, height = layout.take(1) + 1, layout.take(1) + 1, layout.take(side), layout.take(side)
        if len(tiles) != rows * columns or width * height > 2 * self.size[0] * self.size[1]:
            raise ValueError("a grid that its tiles do not fill")
        picture = np.full((height, width, 3), 255, np.uint8)
        convert: FrameConverter | None = None
        for place, number in enumerate(tiles):
            frame = self._frame(self._items[number])
            convert = convert or FrameConverter((frame.width, frame.height), Turn())
            tile = convert(frame)
            top, left = place // columns * tile.shape[0], place % columns * tile.shape[1]
            room = picture[top : top + tile.shape[0], left : left + tile.shape[1]]
            room[:] = tile[: room.shape[0], : room.shape[1]]
        return picture

    def _frame(self, item: _Item) -> VideoFrame:
        name, description = _DECODERS[item.kind]
        decoder = CodecContext.create(name, "r")
        assert isinstance(decoder, VideoCodecContext)
        decoder.extradata = bytes(item.property(description) or b"")
        frames = [*decoder.decode(av.Packet(self._coded(item))), *decoder.decode(None)]
        if not frames:
            raise ValueError("a tile without a picture")
        frame = frames[0]
        if self._nclx is not None:
            frame.color_primaries, frame.color_trc, frame.colorspace, full = self._nclx
            frame.color_range = _FULL_RANGE if full & 0x80 else 1
        if frame.colorspace == _UNSPECIFIED:
            frame.colorspace = _MATRIX_601
        if self.icc is not None:
            frame.color_primaries = ColorPrimaries.UNSPECIFIED.value
        return frame

    def _coded(self, item: _Item) -> bytes:
        method, extents = item.place
        source = self._meta[b"idat"] if method == 1 else self._data
        return b"".join(bytes(source[offset : offset + length]) for offset, length in extents)


class _Cursor:
    """Reads big-endian numbers one after the other."""

    def __init__(self, data: memoryview | bytes) -> None:
        self._data, self._at = data, 0

    def take(self, size: int) -> int:
        part = self.bytes(size)
        return int.from_bytes(part, "big")

    def bytes(self, size: int) -> bytes:
        part = bytes(self._data[self._at : self._at + size])
        if len(part) < size:
            raise ValueError("a box that ends early")
        self._at += size
        return part


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Name and payload of each box in a row."""
    at = 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        end = len(data) if size == 0 else at + max(size, head)
        yield name, data[at + head : end]
        at = end


def _items(meta: dict[bytes, memoryview]) -> dict[int, _Item]:
    """What the boxes of an index say of each item, by its number."""
    items: dict[int, _Item] = defaultdict(_Item)
    names = _Cursor(meta[b"iinf"])
    skipped = 4 + (4 if names.take(4) >> 24 else 2)
    for _, payload in _boxes(meta[b"iinf"][skipped:]):
        entry = _Cursor(payload)
        number = entry.take(4 if entry.take(4) >> 24 == 3 else 2)
        entry.take(2)
        items[number].kind = entry.bytes(4)
    for number, place in _places(_Cursor(meta[b"iloc"])):
        items[number].place = place
    properties = dict(_boxes(meta[b"iprp"]))
    pool = list(_boxes(properties[b"ipco"]))
    links = _Cursor(properties[b"ipma"])
    version = links.take(4)
    for _ in range(links.take(4)):
        number = links.take(4 if version >> 24 else 2)
        for _ in range(links.take(1)):
            index = links.take(2) & 0x7FFF if version & 1 else links.take(1) & 0x7F
            if index:
                items[number].properties.append(pool[index - 1])
    references = meta.get(b"iref", memoryview(bytes(4)))
    side = 4 if references[0] else 2
    for kind, payload in _boxes(references[4:]):
        uses = _Cursor(payload)
        number, count = uses.take(side), uses.take(2)
        items[number].uses[kind] = [uses.take(side) for _ in range(count)]
    return dict(items)


def _places(cursor: _Cursor) -> Iterator[tuple[int, tuple[int, list[tuple[int, int]]]]]:
    """Number of each item and its `_Item.place`."""
    version = cursor.take(4) >> 24
    sizes = cursor.take(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    for _ in range(cursor.take(4 if version == 2 else 2)):
        number = cursor.take(4 if version == 2 else 2)
        method = cursor.take(2) & 15 if version else 0
        cursor.take(2)
        base, extents = cursor.take(base_size), []
        for _ in range(cursor.take(2)):
            cursor.take(index_size if version else 0)
            offset = base + cursor.take(offset_size)
            extents.append((offset, cursor.take(length_size)))
        yield number, (method, extents)


def _cropped(picture: NDArray[np.uint8], clap: tuple[int, ...]) -> NDArray[np.uint8]:
    """The clean aperture, whose offsets are those of its middle from the picture's."""
    width, height, right, down = (Fraction(clap[i], clap[i + 1]) for i in (0, 2, 4, 6))
    left, top = right + (picture.shape[1] - width) / 2, down + (picture.shape[0] - height) / 2
    if min(width, height) <= 0 or min(left, top) < 0:
        raise ValueError("a clean aperture outside of the picture")
    return picture[int(top) : int(top) + int(height), int(left) : int(left) + int(width)]
