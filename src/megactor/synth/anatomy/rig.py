"""The rig file: one head, what makes heads differ, and what faces do, in the axes of ICT-FaceKit.

A compressed npz of format `portrait-rig-1`. Units are about 0.8 cm; x points to the person's left, y up, z forward;
the mean face lies near z = 10 with its eyes near y = 3.6. V vertices, T triangles, U uvs, P parts, M modes, E shapes:

    format              text         "portrait-rig-1"
    source, license     text         where the shapes come from, and under which terms
    positions           (V, 3) f4    the mean head at rest
    triangles           (T, 3) u2/u4 counter-clockwise seen from outside, sorted by part
    uvs, tri_uvs        (U, 2) f4, (T, 3) u2/u4; the face's in [0, 1], each row of lashes has a strip of its own
    tri_part            (T,) u1      index into part_names
    part_names          (P,) text    all of `PARTS`
    part_vertex_range   (P, 2) i4    first and one past the last vertex of each part
    part_tri_range      (P, 2) i4    the same for triangles
    id_hi, id_hi_scale  (16, V, 3) i2, (16,) f4        displacement of one standard deviation = integers * scale
    id_lo, id_lo_scale  (M - 16, V, 3) i1, (M - 16,) f4
    expr, expr_scale    (E, V, 3) i2, (E,) f4          displacement of a fully active expression
    expr_names          (E,) text    ARKit names with _L and _R as ICT writes them; `EXPRESSIONS` must be there
    landmarks68         (68,) i4     vertices of the 68 iBUG landmarks
    unit                text
"""

import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, is_zipfile

import numpy as np

from megactor.errors import InputError
from megactor.media.atomic import atomic_path

FORMAT = "portrait-rig-1"

PARTS = (
    "face",
    "headneck",
    "mouthsocket",
    "eyesockL",
    "eyesockR",
    "gums",
    "teeth",
    "scleraL",
    "scleraR",
    "lashL",
    "lashR",
)
"""Parts every rig has: the textured face, the rest of the head, the inside of mouth and lids, eyeballs, lashes."""

EXPRESSIONS = tuple(
    f"eye{move}_{side}" for move in ("Blink", "LookDown", "LookIn", "LookOut", "LookUp") for side in "LR"
)
"""Shapes that posing itself needs; the others are used by name where a motion asks for them."""

_FINE_MODES = 16
"""Identity modes stored with 16 bits; the later, smaller ones have 8."""
_EXPRESSION_LEVELS = 2047
"""Steps to each side: 12 of the 16 bits are used, which compresses well and errs by less than 0.003 units."""

ENVIRONMENT = "MEGACTOR_RIG"
FILE_NAME = "ict_rig.npz"


class RigError(InputError):
    """There is no rig file, or it cannot be used."""


@dataclass(frozen=True)
class Rig:
    """The content of a rig file, decoded; the module says what the fields mean.

    neutral: (V, 3) float32.
    triangles, uv_triangles: (T, 3) int32.
    uvs: (U, 2) float32.
    triangle_parts: (T,) uint8, index into part_names.
    part_vertices, part_triangles: (P, 2) int32 ranges.
    identity_modes: (M, V, 3) float32, displacement of one standard deviation.
    expressions: (E, V, 3) float32.
    landmarks: (68,) int32.
    """

    neutral: np.ndarray
    triangles: np.ndarray
    uvs: np.ndarray
    uv_triangles: np.ndarray
    triangle_parts: np.ndarray
    part_names: tuple[str, ...]
    part_vertices: np.ndarray
    part_triangles: np.ndarray
    identity_modes: np.ndarray
    expressions: np.ndarray
    expression_names: tuple[str, ...]
    landmarks: np.ndarray
    source: str
    license: str

    def vertices_of(self, part: str) -> slice:
        """The vertices of a part; parts share none."""
        first, end = self.part_vertices[self.part_names.index(part)]
        return slice(int(first), int(end))

    def triangles_of(self, part: str) -> slice:
        """The triangles of a part."""
        first, end = self.part_triangles[self.part_names.index(part)]
        return slice(int(first), int(end))

    def expression(self, name: str) -> int:
        """Index of an expression by its name.

        Raises:
            ValueError: there is none of this name.
        """
        return self.expression_names.index(name)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Rig":
        """Reads and checks a rig file.

        Raises:
            RigError: it is missing, damaged, or not a rig.
        """
        try:
            with open(path, "rb") as file:
                if not is_zipfile(file):
                    raise ValueError("not an npz file")
                file.seek(0)
                with np.load(file, allow_pickle=False) as archive:
                    stored = {name: archive[name] for name in archive.files}
        except FileNotFoundError:
            raise RigError(f"rig file does not exist: {path}; {_ADVICE}") from None
        except (OSError, ValueError, EOFError, BadZipFile, zlib.error) as error:
            raise RigError(f"cannot read the rig file {path} ({error}); {_ADVICE}") from None
        if "format" not in stored or str(stored["format"]) != FORMAT:
            raise RigError(f"not a rig file of format {FORMAT}: {path}; {_ADVICE}")
        try:
            rig = cls._decode(stored)
        except KeyError as error:
            raise RigError(f"the rig file {path} lacks {error}; {_ADVICE}") from None
        if fault := rig._fault():
            raise RigError(f"the rig file {path} is damaged: {fault}; {_ADVICE}")
        return rig

    def save(self, path: str | os.PathLike[str], force: bool = False) -> None:
        """Writes the file; shapes are rounded to the integers that the format holds.

        Raises:
            OutputError: it cannot be written, or exists and `force` is false.
        """
        index_type = np.uint16 if max(len(self.neutral), len(self.uvs)) <= 1 << 16 else np.uint32
        fine, fine_scale = _quantize(self.identity_modes[:_FINE_MODES], np.int16, np.iinfo(np.int16).max)
        coarse, coarse_scale = _quantize(self.identity_modes[_FINE_MODES:], np.int8, np.iinfo(np.int8).max)
        shapes, shape_scale = _quantize(self.expressions, np.int16, _EXPRESSION_LEVELS)
        # a name without .npz stays as it is when numpy gets an open file
        with atomic_path(path, force) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(
                file,
                format=FORMAT,
                source=self.source,
                license=self.license,
                positions=self.neutral.astype(np.float32),
                triangles=self.triangles.astype(index_type),
                uvs=self.uvs.astype(np.float32),
                tri_uvs=self.uv_triangles.astype(index_type),
                tri_part=self.triangle_parts.astype(np.uint8),
                part_names=np.array(self.part_names),
                part_vertex_range=self.part_vertices.astype(np.int32),
                part_tri_range=self.part_triangles.astype(np.int32),
                id_hi=fine,
                id_hi_scale=fine_scale,
                id_lo=coarse,
                id_lo_scale=coarse_scale,
                expr=shapes,
                expr_scale=shape_scale,
                expr_names=np.array(self.expression_names),
                landmarks68=self.landmarks.astype(np.int32),
                unit="about 0.8 cm, y up, z front, x = the person's left",
            )

    @classmethod
    def _decode(cls, stored: dict[str, np.ndarray]) -> "Rig":
        modes = [_dequantize(stored[f"id_{part}"], stored[f"id_{part}_scale"]) for part in ("hi", "lo")]
        return cls(
            neutral=stored["positions"].astype(np.float32),
            triangles=stored["triangles"].astype(np.int32),
            uvs=stored["uvs"].astype(np.float32),
            uv_triangles=stored["tri_uvs"].astype(np.int32),
            triangle_parts=stored["tri_part"],
            part_names=tuple(str(name) for name in stored["part_names"]),
            part_vertices=stored["part_vertex_range"],
            part_triangles=stored["part_tri_range"],
            identity_modes=np.concatenate(modes),
            expressions=_dequantize(stored["expr"], stored["expr_scale"]),
            expression_names=tuple(str(name) for name in stored["expr_names"]),
            landmarks=stored["landmarks68"].astype(np.int32),
            source=str(stored["source"]),
            license=str(stored["license"]),
        )

    def _fault(self) -> str | None:
        """What is wrong with the content, in words."""
        vertices = len(self.neutral)
        for name, indices, limit in (
            ("triangles", self.triangles, vertices),
            ("tri_uvs", self.uv_triangles, len(self.uvs)),
            ("landmarks68", self.landmarks, vertices),
        ):
            if indices.size == 0 or indices.min() < 0 or indices.max() >= limit:
                return f"{name} point outside of 0..{limit - 1}"
        if len(self.landmarks) != 68:
            return f"{len(self.landmarks)} landmarks instead of 68"
        for kind, wanted, present in (
            ("part", PARTS, self.part_names),
            ("expression", EXPRESSIONS, self.expression_names),
        ):
            if missing := [name for name in wanted if name not in present]:
                return f"no {kind} {', '.join(missing)}"
        for name, shapes in (("identity modes", self.identity_modes), ("expressions", self.expressions)):
            if shapes.shape[1:] != self.neutral.shape:
                return f"{name} of shape {shapes.shape} for {vertices} vertices"
        if not all(np.isfinite(values).all() for values in (self.neutral, self.uvs, self.identity_modes)):
            return "numbers that are not finite"
        return None


def find_rig(path: str | os.PathLike[str] | None = None) -> Path:
    """Where the rig file is: `path`, else the variable MEGACTOR_RIG, else the user's data folder.

    Raises:
        RigError: nothing is there.
    """
    if path is None:
        path = os.environ.get(ENVIRONMENT)
    if path is None:
        path = default_rig_path()
        if not path.is_file():
            raise RigError(f"no rig file: {_ADVICE}")
    found = Path(path).expanduser()
    if not found.is_file():
        raise RigError(f"rig file does not exist: {found}; {_ADVICE}")
    return found


def default_rig_path() -> Path:
    """The rig's place in the user's data folder: `$XDG_DATA_HOME/megactor`, by default `~/.local/share/megactor`."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "megactor" / FILE_NAME


_ADVICE = (
    "build one from a checkout of ICT-FaceKit with `megactor synth rig PATH`, or name one with --rig or "
    f"the environment variable {ENVIRONMENT}"
)


def _quantize(shapes: np.ndarray, dtype: type, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, V, 3) as integers of at most `levels` and the (N,) float32 that scales them back."""
    scale = np.maximum(np.abs(shapes).max(axis=(1, 2), initial=0), 1e-12) / levels
    return np.round(shapes / scale[:, None, None]).astype(dtype), scale.astype(np.float32)


def _dequantize(integers: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return integers.astype(np.float32) * scale.astype(np.float32)[:, None, None]
