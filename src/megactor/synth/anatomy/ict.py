"""From a checkout of ICT-FaceKit to a rig file: reads its meshes and keeps what portraits need.

ICT-FaceKit (https://github.com/ICT-VGL/ICT-FaceKit, MIT licence) stores one OBJ file for the neutral head, each
identity mode and each expression, all with the same vertices and polygons.
"""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from megactor.synth.anatomy.rig import PARTS, Rig, RigError

_FOLDER = "FaceXModel"
_NEUTRAL = "generic_neutral_mesh"
_MODES = 100

# first and one past the last, from the tables of ICT-FaceKit's README
_VERTICES = {
    "face": (0, 9409),
    "headneck": (9409, 11248),
    "mouthsocket": (11248, 13294),
    "eyesockL": (13294, 13678),
    "eyesockR": (13678, 14062),
    "gums": (14062, 17039),
    "teeth": (17039, 21451),
    "scleraL": (21451, 22221),
    "scleraR": (23021, 23791),
    "lashL": (25351, 26035),
    "lashR": (26035, 26719),
}
_POLYGONS = {
    "face": (0, 9230),
    "headneck": (9230, 11144),
    "mouthsocket": (11144, 13226),
    "eyesockL": (13226, 13630),
    "eyesockR": (13630, 14034),
    "gums": (14034, 17006),
    "teeth": (17006, 21496),
    "scleraL": (21496, 22296),
    "scleraR": (23094, 23894),
    "lashL": (25304, 25844),
    "lashR": (25844, 26384),
}
"""Left out: irises inside of the eyeballs, tear ducts, and the blend and occlusion meshes of game engines."""
_MOLARS = ((17006, 17593), (18663, 19250), (19250, 19832), (20914, 21496))
"""Polygons of teeth that no mouth shows."""
_ALL_VERTICES, _ALL_POLYGONS = 26719, 26384

_SOURCE = (
    "ICT-FaceKit (USC Institute for Creative Technologies), github.com/ICT-VGL/ICT-FaceKit; converted by megactor: "
    "molars, irises, tear ducts, blend and occlusion meshes removed, quads cut into triangles, shapes rounded"
)


@dataclass(frozen=True)
class _Mesh:
    """An OBJ file: vertices (V, 3), uvs (U, 2), polygons as one array of corners each."""

    vertices: np.ndarray
    uvs: np.ndarray
    polygons: list[np.ndarray]
    uv_polygons: list[np.ndarray]


def convert_ict(checkout: str | os.PathLike[str], progress: Callable[[int, int], None] | None = None) -> Rig:
    """Builds a rig from a checkout of ICT-FaceKit; takes half a minute.

    Args:
        checkout: the folder that holds `FaceXModel` and `LICENSE`.
        progress: called with the number of files read and of all files.

    Raises:
        RigError: it is not a checkout, or a file in it is missing or damaged.
    """
    folder = Path(checkout).expanduser() / _FOLDER
    if not folder.is_dir():
        raise RigError(f"no folder {_FOLDER} in {checkout}; give the folder of a checkout of ICT-FaceKit")
    described = _read_json(folder / "vertex_indices.json")
    names = [str(name) for name in described["expressions"]]
    mesh = _read_mesh(folder / f"{_NEUTRAL}.obj")
    if (len(mesh.vertices), len(mesh.polygons)) != (_ALL_VERTICES, _ALL_POLYGONS):
        raise RigError(
            f"{_NEUTRAL}.obj has {len(mesh.vertices)} vertices and {len(mesh.polygons)} polygons instead of "
            f"{_ALL_VERTICES} and {_ALL_POLYGONS}; this version of ICT-FaceKit is not known"
        )
    files = [folder / f"identity{number:03d}.obj" for number in range(_MODES)]
    files += [folder / f"{name}.obj" for name in names]
    triangles, uv_triangles, parts = _triangles(mesh)
    used, compact = np.unique(triangles, return_inverse=True)
    used_uvs, compact_uvs = np.unique(uv_triangles, return_inverse=True)
    shapes = []
    for number, file in enumerate(files):
        if progress is not None:
            progress(number, len(files))
        shapes.append((_read_vertices(file) - mesh.vertices)[used].astype(np.float32))
    if progress is not None:
        progress(len(files), len(files))
    limits = np.searchsorted(used, [_VERTICES[part] for part in PARTS])
    ends = np.searchsorted(parts, np.arange(len(PARTS) + 1))
    return Rig(
        neutral=mesh.vertices[used].astype(np.float32),
        triangles=compact.reshape(-1, 3).astype(np.int32),
        uvs=mesh.uvs[used_uvs].astype(np.float32),
        uv_triangles=compact_uvs.reshape(-1, 3).astype(np.int32),
        triangle_parts=parts,
        part_names=PARTS,
        part_vertices=limits.astype(np.int32),
        part_triangles=np.stack([ends[:-1], ends[1:]], axis=1).astype(np.int32),
        identity_modes=np.stack(shapes[:_MODES]),
        expressions=np.stack(shapes[_MODES:]),
        expression_names=tuple(names),
        landmarks=np.searchsorted(used, described["idx_to_landmark_verts"]).astype(np.int32),
        source=_SOURCE,
        license=_read_text(folder.parent / "LICENSE"),
    )


def _triangles(mesh: _Mesh) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The triangles that are kept, sorted by part: corners (T, 3), uv corners (T, 3), part (T,) uint8."""
    corners, uv_corners, parts = [], [], []
    for index, part in enumerate(PARTS):
        kept = [p for p in range(*_POLYGONS[part]) if not any(first <= p < end for first, end in _MOLARS)]
        for fan in ([0, 1, 2], [0, 2, 3]):
            wide = [p for p in kept if len(mesh.polygons[p]) > fan[-1]]
            corners += [mesh.polygons[p][fan] for p in wide]
            uv_corners += [mesh.uv_polygons[p][fan] for p in wide]
            parts += [index] * len(wide)
    return np.array(corners), np.array(uv_corners), np.array(parts, np.uint8)


def _read_mesh(path: Path) -> _Mesh:
    lines = _read_text(path).splitlines()
    polygons = [[corner.split("/") for corner in line.split()[1:]] for line in lines if line.startswith("f ")]
    try:
        return _Mesh(
            vertices=_numbers((line for line in lines if line.startswith("v ")), 3),
            uvs=_numbers((line for line in lines if line.startswith("vt ")), 2),
            # OBJ counts from 1
            polygons=[np.array([int(corner[0]) - 1 for corner in polygon]) for polygon in polygons],
            uv_polygons=[np.array([int(corner[1]) - 1 for corner in polygon]) for polygon in polygons],
        )
    except (ValueError, IndexError) as error:
        raise RigError(f"cannot read the mesh {path} ({error}); check ICT-FaceKit out again") from None


def _read_vertices(path: Path) -> np.ndarray:
    """(V, 3) float64 vertices of a file that has the neutral head's polygons."""
    try:
        vertices = _numbers((line for line in _read_text(path).splitlines() if line.startswith("v ")), 3)
    except ValueError as error:
        raise RigError(f"cannot read the mesh {path} ({error}); check ICT-FaceKit out again") from None
    if len(vertices) != _ALL_VERTICES:
        raise RigError(f"{path} has {len(vertices)} vertices instead of {_ALL_VERTICES}; check ICT-FaceKit out again")
    return vertices


def _numbers(lines: Iterable[str], columns: int) -> np.ndarray:
    """(N, columns) float64: what follows the keyword in each line, further columns left out."""
    rows = [line.split()[1 : columns + 1] for line in lines]
    return np.array(rows, np.float64).reshape(-1, columns)


def _read_json(path: Path) -> dict:
    try:
        content = json.loads(_read_text(path))
        if not all(len(content[key]) for key in ("expressions", "idx_to_landmark_verts")):
            raise ValueError("empty lists")
    except (ValueError, KeyError, TypeError) as error:
        raise RigError(f"cannot read {path} ({error}); check ICT-FaceKit out again") from None
    return content


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RigError(f"cannot read {path} ({error}); check ICT-FaceKit out again") from None
