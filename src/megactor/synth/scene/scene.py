"""Where and how somebody is photographed: framing, light, background, camera."""

from dataclasses import dataclass, field, replace

import numpy as np

from megactor.synth.scene.backgrounds import Background, random_background
from megactor.synth.scene.photo import PhotoLook, random_photo
from megactor.synth.streams import chance, stream

TARGET_DEPTH = 5.0
"""z of the point that the camera looks at; rig units."""


@dataclass(frozen=True)
class Framing:
    """Where the camera stands. Twins share it: with different cameras nobody could tell where a head belongs.

    The camera looks at (center x, center y, TARGET_DEPTH) from `half_height / tan(fov / 2)` away.

    fov_degrees: vertical field of view of the square picture.
    half_height: half of the picture's height at the target, rig units.
    yaw, pitch: radians that the camera turns round the target: the world is turned by yaw about y, then by pitch
        about x, before it is seen along -z.
    center: x and y of the target.
    """

    fov_degrees: float
    half_height: float
    yaw: float
    pitch: float
    center: tuple[float, float]

    def moved(self, right: float, up: float) -> "Framing":
        """The camera moved to the side, in pictures."""
        x, y = self.center
        return replace(self, center=(x + 2 * right * self.half_height, y + 2 * up * self.half_height))


@dataclass(frozen=True)
class Scene:
    """All about a picture but who is in it and what they do.

    framing: the camera.
    lights: (L, 6) float32, unit direction towards the light and linear RGB; the first casts shadows.
    ambient: (3, 9) float32, for each color channel the factors of 1, y, z, x, xy, yz, 3z²-1, xz, x²-y² of a normal.
    exposure_jitter: factor on the exposure that shows skin as bright as it is; fixed for a clip.
    background: `background.picture(size)` is (size, size, 3) float32 sRGB in [0, 1].
    photo: what the camera does to the finished picture (`photo.develop`).
    """

    framing: Framing
    lights: np.ndarray
    ambient: np.ndarray
    exposure_jitter: float
    background: Background
    photo: PhotoLook = field(default_factory=PhotoLook)


def random_framing(seed: int, zoom: float = 1.0) -> Framing:
    """A head-and-shoulders framing, from a tight crop to one with air around the head.

    Args:
        seed: of the framing.
        zoom: factor on the picture's extent; the large heads of avatars want 1.25.
    """
    rng = stream(seed, "framing")
    half_height = float(rng.uniform(14.5, 20.5))
    return Framing(
        fov_degrees=float(rng.uniform(14, 38)),
        half_height=half_height * zoom,
        yaw=float(rng.normal(0, 0.12)),
        pitch=float(rng.normal(0.08, 0.06)),
        center=(float(rng.normal(0, 1.0)), float(-1.5 - 0.35 * (half_height - 15) + rng.normal(0, 0.7))),
    )


def random_scene(seed: int, framing: Framing | None = None) -> Scene:
    """A scene: light that suits its background, and a camera.

    Args:
        seed: of everything but a given framing.
        framing: where the camera stands, for twins; by default it follows from the seed.
    """
    background = random_background(seed)
    # walls and skies light a face too
    surround = background.picture(32).mean(axis=(0, 1)) ** 2.2 + 0.05
    tint = (surround / surround.mean()) ** 0.12
    return Scene(
        framing=random_framing(seed) if framing is None else framing,
        lights=_random_lights(seed),
        ambient=_random_ambient(seed, tint),
        exposure_jitter=float(np.exp(stream(seed, "exposure").normal(0, 0.16))),
        background=background,
        photo=random_photo(seed),
    )


def _direction(azimuth: float, elevation: float) -> np.ndarray:
    """Unit vector; azimuth 0 is from the camera's side (+z), positive to the person's left (+x)."""
    return np.array(
        [np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)], np.float64
    )


def _random_lights(seed: int) -> np.ndarray:
    """A key light, often a weak fill from the other side, sometimes a rim light from behind."""
    rng = stream(seed, "lights")
    warmth = rng.normal(0, 0.11)
    azimuth = rng.uniform(-1.25, 1.25)
    key = np.array([1 + warmth, 1, 1 - warmth]) * rng.uniform(0.7, 2.2)
    lights = [(_direction(azimuth, rng.uniform(0.1, 1.0)), key)]
    if chance(rng, 0.6):
        away = azimuth - np.sign(azimuth) * np.pi * rng.uniform(0.4, 0.8)
        color = np.exp(rng.normal(0, 0.2, 3)) * rng.uniform(0.1, 0.6)
        lights.append((_direction(away, rng.uniform(-0.2, 0.6)), color))
    if chance(rng, 0.4):
        behind = rng.choice([-1, 1]) * rng.uniform(2.0, 2.8)
        color = np.exp(rng.normal(0, 0.2, 3)) * rng.uniform(0.4, 1.6)
        lights.append((_direction(behind, rng.uniform(0.1, 0.7)), color))
    return np.array([np.concatenate(light) for light in lights], np.float32)


def _random_ambient(seed: int, tint: np.ndarray) -> np.ndarray:
    """Light from everywhere: brighter from above and from the front, of the surroundings' tint."""
    rng = stream(seed, "ambient")
    level = rng.uniform(0.3, 0.8)
    color = np.exp(rng.normal(0, 0.05, 3)) * level * tint
    ambient = np.zeros((3, 9))
    ambient[:, 0] = color
    ambient[:, 1] = color * rng.uniform(0, 0.5)
    ambient[:, 2] = color * rng.uniform(-0.1, 0.4)
    ambient[:, 3] = color * rng.normal(0, 0.22)
    ambient[:, 4:] = rng.normal(0, 0.04, (3, 5)) * level
    return ambient.astype(np.float32)
