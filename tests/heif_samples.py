"""HEIC and AVIF files made at test time, box by box (ISO/IEC 14496-12 and 23008-12), as phones write them."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from scheduling import as_before

DESCRIPTIONS = {"hvc1": b"hvcC", "av01": b"av1C"}


@dataclass(frozen=True)
class Heif:
    """What `write_heif` writes.

    tile: side of the tiles of a grid; None for a picture in one piece.
    turns: quarter turns counterclockwise that make the stored picture upright.
    mirror: "horizontal" (left and right) or "vertical" of the turned picture, or None.
    color: colour primaries, transfer and matrix; full range.
    crop: (width, height) of the clean aperture, in the middle.
    in_idat: the grid's description lies beside the index, as iPhones do, or with the pixels.
    """

    codec: str = "hvc1"
    pixels: str = "yuv420p"
    tile: int | None = None
    turns: int = 0
    mirror: str | None = None
    color: tuple[int, int, int] | None = (1, 13, 6)
    icc: bytes | None = None
    crop: tuple[int, int] | None = None
    in_idat: bool = True
    brand: str = "heic"
    alpha: np.ndarray | None = None


@dataclass
class _Item:
    kind: str
    data: bytes
    properties: list[bytes] = field(default_factory=list)  # transformations go last, in their order
    essential: int = 0  # how many of the last ones
    references: list[tuple[str, list[int]]] = field(default_factory=list)
    in_idat: bool = False


def box(name: bytes, *parts: bytes) -> bytes:
    payload = b"".join(parts)
    return struct.pack(">I4s", 8 + len(payload), name) + payload


def full_box(name: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return box(name, struct.pack(">I", version << 24 | flags), *parts)


def coded(picture: np.ndarray, options: Heif) -> tuple[bytes, bytes]:
    """The bitstream of one picture, and the box that describes it to a decoder.

    picture: uint8 (H, W, 3) or (H, W), or uint16 in the same shapes for full 16-bit values.
    """
    codec, name = {"hvc1": ("libx265", "hvcC"), "av01": ("libsvtav1", "av1C")}[options.codec]
    quality = {
        "libx265": {"preset": "ultrafast", "crf": "4", "x265-params": "log-level=none:keyint=1:info=0"},
        "libsvtav1": {"preset": "12", "crf": "4", "svtav1-params": "lp=1"},
    }[codec]
    deep = picture.dtype == np.uint16
    gray = picture.ndim == 2
    source = VideoFrame.from_ndarray(
        picture, format=("gray16le" if deep else "gray") if gray else "rgb48le" if deep else "rgb24"
    )
    matrix = {1: "ITU709", 9: "BT2020"}.get(options.color[2] if options.color else 6, "ITU601")
    frame = source.reformat(
        format="gray" if gray else options.pixels,
        dst_colorspace=None if gray else matrix,
        dst_color_range="JPEG",
    )
    frame.color_range = 2
    file = io.BytesIO()
    with as_before(), av.open(file, "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=Fraction(1), options=quality)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "gray" if gray else options.pixels
        stream.codec_context.color_range = 2
        frame.pts = 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    data = file.getvalue()
    at = data.index(name.encode()) - 4
    description = data[at : at + int.from_bytes(data[at : at + 4], "big")]
    file.seek(0)
    with av.open(file) as container:
        return b"".join(bytes(packet) for packet in container.demux(video=0)), description


def write_heif(path: Path, picture: np.ndarray, options: Heif) -> Path:
    """Write a picture, which is given as it is stored (before it is turned)."""
    height, width = picture.shape[:2]
    shared = [full_box(b"ispe", 0, 0, struct.pack(">II", width, height))]
    if options.color is not None:
        shared.append(box(b"colr", b"nclx", struct.pack(">HHHB", *options.color, 0x80)))
    if options.icc is not None:
        shared.append(box(b"colr", b"prof", options.icc))
    turning = []
    if options.crop is not None:
        turning.append(box(b"clap", struct.pack(">8I", options.crop[0], 1, options.crop[1], 1, 0, 1, 0, 1)))
    if options.turns:
        turning.append(box(b"irot", bytes([options.turns])))
    if options.mirror:
        turning.append(box(b"imir", bytes([options.mirror == "horizontal"])))
    items: list[_Item] = []
    if options.tile is None:
        bitstream, description = coded(picture, options)
        items.append(_Item(options.codec, bitstream, [*shared, description, *turning], 1 + len(turning)))
    else:
        items += _grid(picture, options, [*shared, *turning], len(turning))
    if options.alpha is not None:
        bitstream, description = coded(options.alpha, options)
        kind = full_box(b"auxC", 0, 0, b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
        items.append(_Item(options.codec, bitstream, [shared[0], description, kind], 0, [("auxl", [1])]))
    path.write_bytes(_file(items, options.brand))
    return path


def _grid(picture: np.ndarray, options: Heif, properties: list[bytes], essential: int) -> list[_Item]:
    side = options.tile
    assert side is not None
    height, width = picture.shape[:2]
    rows, columns = -(-height // side), -(-width // side)
    spread = ((0, rows * side - height), (0, columns * side - width), *[(0, 0)] * (picture.ndim - 2))
    padded = np.pad(picture, spread, mode="edge")
    tiles = []
    for row in range(rows):
        for column in range(columns):
            part = padded[row * side : (row + 1) * side, column * side : (column + 1) * side]
            bitstream, description = coded(np.ascontiguousarray(part), options)
            size = full_box(b"ispe", 0, 0, struct.pack(">II", side, side))
            tiles.append(_Item(options.codec, bitstream, [size, description], 1))
    layout = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    uses = [("dimg", list(range(2, 2 + len(tiles))))]
    return [_Item("grid", layout, properties, essential, uses, options.in_idat), *tiles]


def _file(items: Sequence[_Item], brand: str) -> bytes:
    """The first item is the picture; items are numbered from 1."""
    pool: list[bytes] = []
    associations = b""
    for number, item in enumerate(items, start=1):
        entries = b""
        for position, each in enumerate(item.properties):
            if each not in pool:
                pool.append(each)
            must = position >= len(item.properties) - item.essential
            entries += bytes([pool.index(each) + 1 | (0x80 if must else 0)])
        associations += struct.pack(">HB", number, len(item.properties)) + entries
    names = b"".join(
        full_box(b"infe", 2, int(number > 1), struct.pack(">HH4s", number, 0, item.kind.encode()), b"\0")
        for number, item in enumerate(items, start=1)
    )
    links = b"".join(
        box(kind.encode(), struct.pack(f">HH{len(to)}H", number, len(to), *to))
        for number, item in enumerate(items, start=1)
        for kind, to in item.references
    )
    beside = b"".join(item.data for item in items if item.in_idat)

    def meta(begin: int) -> bytes:
        places = b""
        at, beside_at = begin, 0
        for number, item in enumerate(items, start=1):
            place = beside_at if item.in_idat else at
            places += struct.pack(">HHHHII", number, int(item.in_idat), 0, 1, place, len(item.data))
            beside_at += len(item.data) * item.in_idat
            at += len(item.data) * (not item.in_idat)
        return full_box(
            b"meta", 0, 0,
            full_box(b"hdlr", 0, 0, struct.pack(">I4s12s", 0, b"pict", b""), b"\0"),
            full_box(b"pitm", 0, 0, struct.pack(">H", 1)),
            full_box(b"iinf", 0, 0, struct.pack(">H", len(items)), names),
            full_box(b"iref", 0, 0, links) if links else b"",
            box(b"iprp", box(b"ipco", *pool), full_box(b"ipma", 0, 0, struct.pack(">I", len(items)), associations)),
            full_box(b"iloc", 1, 0, struct.pack(">BBH", 0x44, 0x00, len(items)), places),
            box(b"idat", beside) if beside else b"",
        )  # fmt: skip

    head = box(b"ftyp", brand.encode(), bytes(4), brand.encode(), b"mif1")
    begin = len(head) + len(meta(0)) + 8
    return head + meta(begin) + box(b"mdat", *(item.data for item in items if not item.in_idat))
