"""TrainingClip: one clip in memory, the same whether it was rendered or filmed; training samples are cut from it."""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np


@dataclass(frozen=True)
class Motion:
    """Where the surface points of every frame lie in some source frames of the same clip: only renderers know that.

    sources: (K,) int, the source frames.
    flow: (K, T, 2, S / 2, S / 2) float16, backward flow (x, y) in picture units as in `DenseMotion`; 0 on background.
    visible: (K, T, S / 2, S / 2) bool, whether the point can be seen in the source.
    """

    sources: np.ndarray
    flow: np.ndarray
    visible: np.ndarray


@dataclass(frozen=True)
class ClipLayers:
    """The target's person and background apart: only renderers know that. See `synth.clips.layers.Layers`.

    matte: (T, S, S) uint8, 255 = all person.
    plate: (T, S, S, 3) uint8 RGB, the scene without its person.
    """

    matte: np.ndarray
    plate: np.ndarray


@dataclass(frozen=True)
class TrainingClip:
    """Somebody performs, and twins perform the same.

    target: (T, S, S, 3) uint8 RGB.
    twins: name -> (T, S, S, 3) uint8 RGB, the same motion by others; may be empty.
    landmarks: name, "target" among them -> (T, 70, 2) float32 pixels: iBUG 300-W, then the left and the right iris.
    foreground: (T, S, S) bool, the target's person.
    motion: true correspondence, or None where nobody knows it.
    layers: true matte and plate of the target, or None where nobody knows them or nobody asked.
    """

    target: np.ndarray
    twins: dict[str, np.ndarray]
    landmarks: dict[str, np.ndarray]
    foreground: np.ndarray
    motion: Motion | None
    layers: ClipLayers | None = None

    def __len__(self) -> int:
        """Frames."""
        return len(self.target)

    def relative_landmarks(self) -> dict[str, np.ndarray]:
        """As `landmarks`, in picture units."""
        size = self.target.shape[1]
        return {name: points / np.float32(size) for name, points in self.landmarks.items()}


class ClipSource(Protocol):
    """Numbered clips. Which number means which clip never changes, so a training run can be repeated and resumed."""

    def __len__(self) -> int:
        """How many clips samples are drawn from."""
        ...

    def clip(self, number: int) -> TrainingClip:
        """Clip `number`, counted from 0.

        Raises:
            BrokenClipError: this one cannot be used; others can.
        """
        ...

    def name(self, number: int) -> str:
        """What to call clip `number` when people are told of it."""
        ...

    def landmarks(self, number: int) -> dict[str, np.ndarray]:
        """Those of clip `number`, for which no pictures need to be read: (T, 70, 2) in picture units of each stream.

        Raises:
            BrokenClipError: this one cannot be used; others can.
        """
        ...

    def strongest(self, share: float) -> np.ndarray:
        """Numbers of this share of the clips: those with the strongest expression and gaze."""
        ...


class BrokenClipError(Exception):
    """One clip of many is damaged; training goes on without it."""


def motion_strength(expressions: np.ndarray, gaze: np.ndarray) -> float:
    """How much a face and its eyes move: root of the summed variances.

    Args:
        expressions: (T, E) weights in [0, 1].
        gaze: (T, 2) radians.
    """
    return float(np.sqrt(expressions.var(0).sum() + gaze.var(0).sum()))


def strongest_of(strengths: np.ndarray, share: float) -> np.ndarray:
    """(N,) strengths -> numbers of the strongest, at least one, in ascending order."""
    count = max(1, round(share * len(strengths)))
    return np.sort(np.argsort(-strengths, kind="stable")[:count])


def save_clip(clip: TrainingClip, path: Path) -> None:
    """Writes a clip as uncompressed npz, which loads in milliseconds."""
    arrays: dict[str, Any] = {"target": clip.target, "foreground": np.packbits(clip.foreground, axis=-1)}
    arrays |= {f"twin.{name}": frames for name, frames in clip.twins.items()}
    arrays |= {f"landmarks.{name}": points for name, points in clip.landmarks.items()}
    if clip.motion is not None:
        arrays["sources"], arrays["flow"] = clip.motion.sources, clip.motion.flow
        arrays["visible"] = np.packbits(clip.motion.visible, axis=-1)
    if clip.layers is not None:
        plate = clip.layers.plate
        still = bool((plate == plate[:1]).all())  # the same for all frames is kept once
        arrays |= {"layers.matte": clip.layers.matte, "layers.plate": plate[:1] if still else plate}
    with path.open("wb") as file:
        np.savez(file, **arrays)


def load_clip(path: Path) -> TrainingClip:
    """Reads what `save_clip` wrote.

    Raises:
        OSError, ValueError, KeyError: not such a file, or a damaged one.
    """
    arrays = read_arrays(path)
    size = arrays["target"].shape[2]
    motion = None
    if "flow" in arrays:
        visible = np.unpackbits(arrays["visible"], axis=-1, count=size // 2).astype(bool)
        motion = Motion(arrays["sources"], arrays["flow"], visible)
    layers = None
    if "layers.matte" in arrays:
        plate = np.broadcast_to(arrays["layers.plate"], arrays["target"].shape)
        layers = ClipLayers(arrays["layers.matte"], plate)
    return TrainingClip(
        target=arrays["target"],
        twins=_named("twin.", arrays),
        landmarks=_named("landmarks.", arrays),
        foreground=np.unpackbits(arrays["foreground"], axis=-1, count=size).astype(bool),
        motion=motion,
        layers=layers,
    )


def save_landmarks(landmarks: dict[str, np.ndarray], path: Path) -> None:
    """Writes landmarks without their clip, for `load_landmarks`.

    Args:
        landmarks: stream -> (T, 70, 2).
        path: of the file.
    """
    arrays: dict[str, Any] = {f"landmarks.{name}": points for name, points in landmarks.items()}
    with path.open("wb") as file:
        np.savez(file, **arrays)


def load_landmarks(path: Path) -> dict[str, np.ndarray]:
    """Only the landmarks of what `save_clip` or `save_landmarks` wrote, in their units.

    Raises:
        OSError, ValueError, KeyError: as `load_clip`.
    """
    landmarks = _named("landmarks.", read_arrays(path, prefix="landmarks."))
    if "target" not in landmarks:
        raise KeyError("landmarks.target")
    return landmarks


def read_arrays(file: Path | BinaryIO, prefix: str = "") -> dict[str, np.ndarray]:
    """Arrays of an npz file whose names start so; pickled ones are refused.

    Raises:
        OSError: it is not there.
        ValueError: damaged, or no npz file.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files if name.startswith(prefix)}
    except (zipfile.BadZipFile, zlib.error, EOFError, AttributeError) as error:
        raise ValueError(f"damaged npz: {error}") from error


def _named(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
