"""A rig of a thousand vertices in the axes and proportions of ICT-FaceKit: an egg with bulging eyes.

Everything that posing and rendering ask of a rig is there: all parts, ARKit's expressions (a push at the right place),
identity modes (smooth random swellings), 68 landmarks, an open neck.
"""

import numpy as np

from megactor.synth.anatomy.rig import PARTS, Rig

EYES = {"L": np.array([3.1, 3.6, 8.7]), "R": np.array([-3.1, 3.6, 8.7])}
EYE_RADIUS = 1.5
MODES = 20

_SECTORS, _RINGS = 28, 27
_SIDED = {  # where a shape pushes on the left (x > 0), which way, and how far it reaches
    "browDown": ((3.4, 6, 9), (0, -0.7, 0), 1.5),
    "browInnerUp": ((1.5, 6, 10), (0, 0.9, 0), 1.5),
    "browOuterUp": ((5, 6, 8), (0, 0.9, 0), 1.5),
    "cheekPuff": ((4.5, -2, 8), (0.5, 0, 0.8), 2),
    "cheekSquint": ((4, 1.5, 9), (0, 0.5, 0.2), 1.5),
    "eyeBlink": ((3.1, 3.6, 9.5), (0, 0, 2.2), 1.6),
    "eyeLookDown": ((3.1, 4.5, 9.5), (0, -0.3, 0), 1),
    "eyeLookIn": ((3.1, 3.6, 9.5), (-0.1, 0, 0), 1),
    "eyeLookOut": ((3.1, 3.6, 9.5), (0.1, 0, 0), 1),
    "eyeLookUp": ((3.1, 4.5, 9.5), (0, 0.3, 0), 1),
    "eyeSquint": ((3.1, 3, 9.5), (0, 0.4, 0), 1),
    "eyeWide": ((3.1, 4.5, 9.5), (0, 0.4, 0), 1),
    "mouthDimple": ((2.5, -3.5, 10), (0.3, 0, -0.3), 1),
    "mouthFrown": ((2.5, -3.8, 10), (0, -0.8, 0), 1),
    "mouthLowerDown": ((1, -4.3, 11), (0, -0.8, 0), 1),
    "mouthPress": ((1.5, -3.5, 11), (0, 0, -0.3), 1),
    "mouthSmile": ((2.5, -3.5, 10), (0.5, 1, -0.3), 1.5),
    "mouthStretch": ((2.5, -4, 10), (0.8, -0.3, 0), 1.5),
    "mouthUpperUp": ((1, -2.7, 11), (0, 0.8, 0), 1),
    "noseSneer": ((1.2, 0, 11), (0, 0.6, 0), 1),
}
_CENTRAL = {
    "jawForward": ((0, -6, 8), (0, 0, 1), 3),
    "jawLeft": ((0, -6, 8), (1, 0, 0), 3),
    "jawOpen": ((0, -6, 8), (0, -2.5, -0.5), 2.5),
    "jawRight": ((0, -6, 8), (-1, 0, 0), 3),
    "mouthClose": ((0, -4, 10), (0, 1, 0), 1.5),
    "mouthFunnel": ((0, -3.5, 10), (0, 0, 1), 1.5),
    "mouthLeft": ((0, -3.5, 10), (0.8, 0, 0), 1.5),
    "mouthPucker": ((0, -3.5, 10), (0, 0, 0.8), 1.5),
    "mouthRight": ((0, -3.5, 10), (-0.8, 0, 0), 1.5),
    "mouthRollLower": ((0, -4.3, 10), (0, 0.3, -0.4), 1),
    "mouthRollUpper": ((0, -2.7, 10), (0, -0.3, -0.4), 1),
    "mouthShrugLower": ((0, -4.5, 10), (0, 0.6, 0.3), 1.5),
    "mouthShrugUpper": ((0, -2.6, 10), (0, 0.4, 0.3), 1.5),
}
_LANDMARKS_LEFT = {  # iBUG numbers of the person's right side and the middle, x mirrored below
    **dict(enumerate([(7.4, 3.7), (7.3, 1.5), (7, -0.5), (6.6, -2.4), (5.7, -4.5), (4.3, -6.2), (3, -7), (1.5, -7.4)])),
    **dict(enumerate([(5.8, 5.2), (4.9, 6), (3.8, 6.3), (2.4, 6.2), (1.2, 5.9)], start=17)),
    **dict(enumerate([(1.3, -1.1), (0.6, -1.1)], start=31)),
    **dict(enumerate([(4.5, 3.4), (3.9, 3.9), (2.8, 3.9), (1.8, 3.3), (2.7, 3.1), (3.9, 3.1)], start=36)),
    **dict(enumerate([(2.5, -3.5), (1.7, -2.8), (0.7, -2.4)], start=48)),
    **{58: (1, -4.3), 59: (1.8, -4.1), 60: (2.2, -3.5), 61: (1, -3.3), 67: (1.1, -3.4)},
}
_MIDDLE = {8: -7.6, 27: 3.7, 28: 2.6, 29: 1.6, 30: 0.4, 33: -1.2, 51: -2.5, 57: -4.4, 62: -3.3, 66: -3.4}
_MIRROR = {
    **{i: 16 - i for i in range(8)},
    **{i: 43 - i for i in range(17, 22)},
    **{31: 35, 32: 34, 36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46},
    **{48: 54, 49: 53, 50: 52, 58: 56, 59: 55, 60: 64, 61: 63, 67: 65},
}


def toy_rig(seed: int = 0) -> Rig:
    """Builds the rig; `seed` is of the identity modes."""
    pieces = _pieces()
    positions, triangles, uvs, uv_triangles, part_of, vertex_ranges, triangle_ranges = [], [], [], [], [], [], []
    vertices = count = uv_count = 0
    # the head's vertices are two ranges, its triangles mix them: they share the rim between face and head
    for index, part in enumerate(PARTS):
        points, faces, part_uvs, uv_faces = pieces[part]
        vertex_ranges.append((vertices, vertices + len(points)))
        triangle_ranges.append((count, count + len(faces)))
        positions.append(points)
        triangles.append(faces if part in ("face", "headneck") else faces + vertices)
        uvs.append(part_uvs)
        uv_triangles.append(uv_faces + uv_count)
        part_of.append(np.full(len(faces), index, np.uint8))
        vertices, count, uv_count = vertices + len(points), count + len(faces), uv_count + len(part_uvs)
    neutral = np.concatenate(positions).astype(np.float32)
    expressions = _expressions(neutral, vertex_ranges)
    return Rig(
        neutral=neutral,
        triangles=np.concatenate(triangles).astype(np.int32),
        uvs=np.concatenate(uvs).astype(np.float32),
        uv_triangles=np.concatenate(uv_triangles).astype(np.int32),
        triangle_parts=np.concatenate(part_of),
        part_names=PARTS,
        part_vertices=np.array(vertex_ranges, np.int32),
        part_triangles=np.array(triangle_ranges, np.int32),
        identity_modes=_modes(neutral, seed),
        expressions=np.stack(list(expressions.values())).astype(np.float32),
        expression_names=tuple(expressions),
        landmarks=_landmarks(neutral[: vertex_ranges[0][1]]),
        source="made by a test",
        license="the repository's",
    )


def _pieces() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """For every part: points (n, 3), triangles, uvs, uv triangles, indices local but for the head's."""
    pieces = _head()
    down = np.array([0, -1, 0])
    pieces["mouthsocket"] = _stack([_patch((0, -3.4, 7), (2, 0, 0), (0, 1, 0))])
    gums = [_patch((0, -1, 6), (2, 0, 0), (0, 0, 1.5), down), _patch((0, -6, 6), (2, 0, 0), (0, 0, 1.5))]
    tongue = [_patch((0, -3, 7), (1.5, 0, 0), (0, 0, -2.7)), _patch((0, -5.2, 7), (1.5, 0, 0), (0, 0, -2.7), down)]
    pieces["gums"] = _stack(gums + tongue)
    pieces["teeth"] = _stack(
        [_patch((0, -2.5, 7.5), (2, 0, 0), (0, 0.5, 0)), _patch((0, -4.5, 7.5), (2, 0, 0), (0, 0.5, 0))]
    )
    for side, center in EYES.items():
        pieces[f"eyesock{side}"] = _stack([_patch(center - (0, 0, 1.6), (1.4, 0, 0), (0, 1.4, 0))])
        pieces[f"sclera{side}"] = _sphere(center)
        rows = [
            _patch(
                np.add(center, (0, height, 1.6)), (1.6, 0, 0), (0, -0.35, -0.3), texture=(6.51, 6.99, top - 0.14, top)
            )
            for height, top in zip((0.9, 0.95, 1, -0.9, -0.95, -1), 0.988 - 0.166 * np.arange(6), strict=True)
        ]
        pieces[f"lash{side}"] = _stack(rows)
    return pieces


def _head() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """An egg on a neck, open below; the front is the face."""
    height = np.linspace(13.9, -18, _RINGS)
    width = np.maximum(8 * np.sqrt(np.maximum(1 - ((height - 3) / 11) ** 2, 0)), np.where(height < 0, 4.8, 0))
    angle = 2 * np.pi * (np.arange(_SECTORS) + 0.5) / _SECTORS
    x, z = width[:, None] * np.sin(angle), 1.18 * width[:, None] * np.cos(angle) + 1
    points = np.stack([x, np.broadcast_to(height[:, None], x.shape), z], axis=-1).reshape(-1, 3)
    points = np.concatenate([points, [[0, 14, 1]]])
    ring = np.arange(_RINGS * _SECTORS).reshape(_RINGS, _SECTORS)
    following = np.roll(ring, -1, axis=1)
    quads = np.stack([ring[:-1], ring[1:], following[1:], ring[:-1], following[1:], following[:-1]], axis=-1)
    cap = np.stack([np.full(_SECTORS, len(points) - 1), ring[0], following[0]], axis=-1)
    triangles = np.concatenate([quads.reshape(-1, 3), cap])
    in_front = (points[:, 2] > 3) & (points[:, 1] > -9) & (points[:, 1] < 12)
    order = np.argsort(~in_front, kind="stable")
    position = np.argsort(order)
    is_face = in_front[triangles].all(axis=1)
    points, triangles = points[order], position[triangles]
    uvs = np.stack([0.5 + points[:, 0] / 18, 0.45 + points[:, 1] / 26], axis=1)
    count, everywhere = int(in_front.sum()), np.clip(uvs, 0.01, 0.99)
    # uv vertices are numbered as vertices, once for each part
    return {
        "face": (points[:count], triangles[is_face], everywhere, triangles[is_face]),
        "headneck": (points[count:], triangles[~is_face], np.add(everywhere, (1, 0)), triangles[~is_face]),
    }


def _patch(center, across, along, facing=None, texture=(2.0, 3.0, 0.0, 1.0), steps=4):
    """A flat grid; its outer side is that of cross(across, along), or `facing`."""
    center, across, along = (np.asarray(value, float) for value in (center, across, along))
    s, t = np.meshgrid(np.linspace(-1, 1, steps + 1), np.linspace(-1, 1, steps + 1))
    points = center + s[..., None] * across + t[..., None] * along
    index = np.arange((steps + 1) ** 2).reshape(steps + 1, steps + 1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    triangles = np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3)
    if facing is not None and np.cross(across, along) @ np.asarray(facing) < 0:
        triangles = triangles[:, ::-1]
    left, right, low, high = texture
    uvs = np.stack([left + (s + 1) / 2 * (right - left), low + (t + 1) / 2 * (high - low)], axis=-1)
    return points.reshape(-1, 3), triangles, uvs.reshape(-1, 2), triangles


def _sphere(center):
    latitude, longitude = np.linspace(0.05, np.pi - 0.05, 13), np.linspace(0, 2 * np.pi, 19)
    theta, phi = np.meshgrid(latitude, longitude, indexing="ij")
    unit = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1)
    index = np.arange(theta.size).reshape(theta.shape)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    triangles = np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3)
    uvs = np.stack([phi / 7, theta / 4], axis=-1).reshape(-1, 2)
    return center + EYE_RADIUS * unit.reshape(-1, 3), triangles, uvs, triangles


def _stack(patches):
    """Several patches as one piece that keeps them apart."""
    starts = np.cumsum([0] + [len(points) for points, *_ in patches])
    shifted = [triangles + start for (_, triangles, *_), start in zip(patches, starts[:-1], strict=True)]
    points, uvs = (np.concatenate([patch[i] for patch in patches]) for i in (0, 2))
    return points, np.concatenate(shifted), uvs, np.concatenate(shifted)


def _expressions(neutral, vertex_ranges) -> dict[str, np.ndarray]:
    head = np.zeros(len(neutral))
    head[: vertex_ranges[1][1]] = 1  # eyeballs, teeth and lashes stay
    shapes = {}
    for name, (place, push, reach) in _SIDED.items():
        for side, sign in (("L", 1), ("R", -1)):
            near = np.exp(-(((neutral - np.array(place) * [sign, 1, 1]) / reach) ** 2).sum(axis=1))
            shapes[f"{name}_{side}"] = (near * head)[:, None] * np.array(push) * [sign, 1, 1]
    for name, (place, push, reach) in _CENTRAL.items():
        near = np.exp(-(((neutral - np.array(place)) / reach) ** 2).sum(axis=1))
        shapes[name] = (near * head)[:, None] * np.array(push)
    return dict(sorted(shapes.items()))


def _modes(neutral: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    modes = []
    for _ in range(MODES):
        wave, phase, push = rng.normal(0, 0.15, 3), rng.uniform(0, 2 * np.pi), rng.normal(0, 0.1, 3)
        modes.append(np.sin(neutral @ wave + phase)[:, None] * push)
    return np.stack(modes).astype(np.float32)


def _landmarks(face: np.ndarray) -> np.ndarray:
    """The face's vertices nearest to where the landmarks lie seen from the front."""
    places = np.zeros((68, 2))
    for number, (x, y) in _LANDMARKS_LEFT.items():
        places[number], places[_MIRROR[number]] = (-x, y), (x, y)
    for number, y in _MIDDLE.items():
        places[number] = 0, y
    distance = np.linalg.norm(face[None, :, :2] - places[:, None], axis=-1)
    return distance.argmin(axis=1).astype(np.int32)
