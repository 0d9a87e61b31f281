"""Plain people, scenes and poses for tests of the renderer, with nothing random in them."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np

from megactor.synth.anatomy.bust import Bust
from megactor.synth.anatomy.subject import ClothesLook, EyeLook, Material, SkinLook, Subject
from megactor.synth.scene.scene import Framing

FRONTAL = Framing(fov_degrees=20, half_height=17, yaw=0, pitch=0, center=(0, 0))
WALL = (0.2, 0.3, 0.9)


@dataclass(frozen=True)
class Wall:
    """A background of one color."""

    color: tuple[float, float, float] = WALL

    def picture(self, size):
        return np.broadcast_to(np.array(self.color, np.float32), (size, size, 3))


@dataclass(frozen=True)
class BareScene:
    """What the renderer reads of a scene."""

    framing: Framing = FRONTAL
    lights: np.ndarray = field(default_factory=lambda: np.array([[0, 0.6, 0.8, 1, 1, 1]], np.float32))
    ambient: np.ndarray = field(
        default_factory=lambda: np.full((3, 1), 0.3, np.float32) * np.eye(1, 9, dtype=np.float32)
    )
    exposure_jitter: float = 1.0
    background: Wall = field(default_factory=Wall)

    def framed(self, **changes) -> "BareScene":
        return replace(self, framing=replace(self.framing, **changes))


def pose(bust: Bust, rotation=(0, 0, 0), translation=(0, 0, 0), gaze=(0, 0), **shapes: float) -> SimpleNamespace:
    """A moment of a motion; `shapes` by name, tongueOut among them."""
    expressions = np.zeros(len(bust.rig.expressions) + 1, np.float32)
    for name, weight in shapes.items():
        expressions[-1 if name == "tongueOut" else bust.rig.expression(name)] = weight
    return SimpleNamespace(
        expressions=expressions,
        rotation=np.array(rotation, np.float32),
        translation=np.array(translation, np.float32),
        gaze=np.array(gaze, np.float32),
    )


def plain_subject(bust: Bust, extra=None, **changes) -> Subject:
    """The mean head without anything attached, or with `extra`: (points (n, 3), triangles (t, 3), material)."""
    points, attached, material = extra or (np.zeros((0, 3)), np.zeros((0, 3), int), Material.HAIR)
    base, lashes = len(bust.rest), len(bust.lash_triangles)
    rest = np.concatenate([bust.rest, points]).astype(np.float32)
    materials = np.concatenate([bust.materials, np.full(len(attached), material), np.full(lashes, Material.LASH)])
    none = np.zeros((len(points), 3), np.float32)
    values = {
        "rest": rest,
        "canonical": rest,
        "triangles": np.concatenate([bust.triangles, attached + base, bust.lash_triangles]).astype(np.int32),
        "uv_triangles": np.concatenate([bust.uv_triangles, 0 * attached, bust.lash_uv_triangles]).astype(np.int32),
        "materials": materials.astype(np.uint8),
        "two_sided": np.isin(materials, (Material.HAIR, Material.CLOTH, Material.FABRIC)),
        "casts_shadow": np.isin(materials, (Material.SKIN, Material.HEAD, Material.HAIR, Material.FABRIC)),
        "lash_triangles": lashes,
        "colors": np.full((len(rest), 3), 0.4, np.float32),
        "head_weight": np.concatenate([bust.head_weight, np.ones(len(points))]).astype(np.float32),
        "hair_tangents": none,
        "hair_normals": none,
        "anchors": np.zeros((len(points), 3), np.int32),
        "anchor_weights": none,
        "skin_texture": np.full((64, 64, 5), 128, np.uint8),
        "lash_density": 30.0,
        "lash_length": 0.3,
        "expression_gain": 1.0,
        "local_scales": (),
        "eyes": EyeLook(iris_radius=0.5, pupil=0.4, outer=(0.1, 0.2, 0.4), inner=(0.2, 0.3, 0.5)),
        "skin": SkinLook(
            albedo=(0.4, 0.4, 0.4),
            specular=0.5,
            roughness=0.5,
            scattering=0.5,
            scalp=0.0,
            hairline=0.0,
            hair_color=(0.1, 0.1, 0.1),
            teeth=1.0,
        ),
        "clothes": ClothesLook(
            pattern=0,
            scale=3.0,
            colors=((0.1, 0.3, 0.1), (0.5, 0.5, 0.5)),
            neckline=-14.0,
            neck_v=0.0,
            neck_width=5.0,
            hat=None,
            hat_height=0.0,
        ),
    }
    return Subject(**(values | changes))
