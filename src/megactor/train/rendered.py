"""Clips rendered on the fly, each once: a cache on disk makes up for training being faster than rendering."""

import contextlib
import dataclasses
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from megactor import __version__
from megactor.media.atomic import os_errors_as_output_errors
from megactor.synth.anatomy.bust import Bust, build_bust
from megactor.synth.anatomy.rig import Rig, find_rig
from megactor.synth.clips.clip import Clip, ClipFrame
from megactor.synth.clips.landmarks import clip_landmarks
from megactor.synth.clips.plan import RenderPlan, plan_clip
from megactor.synth.clips.truth import collect_truth
from megactor.synth.clips.variety import PLAIN, Variety
from megactor.synth.motion.performance import random_motion
from megactor.synth.posing.deformation import SparseShapes
from megactor.synth.posing.poser import expression_shapes
from megactor.synth.render.correspondence import correspond
from megactor.synth.render.renderer import Renderer
from megactor.synth.streams import stream
from megactor.train.clips import (
    BrokenClipError,
    ClipLayers,
    Motion,
    TrainingClip,
    load_clip,
    load_landmarks,
    motion_strength,
    save_clip,
    save_landmarks,
    strongest_of,
)

_PICTURES = 2
"""Raised whenever the same seed gives other pictures or motions: what older code has kept is not taken for these."""


@dataclass
class RenderedClips:
    """A `ClipSource` of rendered people with true motion.

    clips: samples draw from so many; number n is the clip of seed `first_seed + n`.
    frames: T of a clip.
    fps: frames a second; low rates make frames differ more.
    size: S of the pictures.
    sources: K frames of each clip that can be its portrait.
    first_seed: of clip 0.
    cache: folder, made when it is missing; other runs with the same clips may share it.
    rig: file, or None for the installed one.
    framing_jitter: see `plan_clip`.
    variety: what clips have beyond those of SynthBench.
    layers: whether clips know the target's true matte and plate.

    Raises:
        RigError: there is no rig.
    """

    clips: int
    frames: int
    fps: float
    size: int
    sources: int
    first_seed: int
    cache: Path
    rig: Path | None = None
    framing_jitter: float = 0.0
    variety: Variety = PLAIN
    layers: bool = False

    def __post_init__(self) -> None:
        """Names the folder after all that decides what the clips look like."""
        self._rig = find_rig(self.rig)
        # 4 and 4.0 are the same rate, but not the same text
        self.fps, self.framing_jitter = float(self.fps), float(self.framing_jitter)
        self.variety = Variety(*map(float, dataclasses.astuple(self.variety)))
        rig = hashlib.sha256(self._rig.read_bytes()).hexdigest()
        look = (
            f"{__version__} {_PICTURES} {rig} {self.frames} {self.fps} {self.size} {self.sources} {self.framing_jitter}"
        )
        look += f" {self.variety}" if self.variety != PLAIN else ""
        look += " layers" if self.layers else ""
        self._folder = self.cache / f"{self.frames}x{self.size}-{hashlib.sha256(look.encode()).hexdigest()[:12]}"

    def __len__(self) -> int:
        """Clips that samples are drawn from."""
        return self.clips

    def strongest(self, share: float) -> np.ndarray:
        """Numbers of this share of the clips: those whose faces and eyes move most. Needs the plans only."""
        names = Rig.load(self._rig).expression_names
        return strongest_of(np.array([self._strength(self.first_seed + n, names) for n in range(self.clips)]), share)

    def _strength(self, seed: int, names: tuple[str, ...]) -> float:
        plan = self._plan(seed)
        motion = random_motion(plan.motion_seed, self.frames, names, self.fps, plan.talking_head)
        return motion_strength(motion.expressions, motion.gaze)

    def clip(self, number: int) -> TrainingClip:
        """Loads clip `number`, or renders and keeps it."""
        seed, path = self._seed(number), self._path(number)
        try:
            return load_clip(path)
        except (OSError, ValueError, KeyError):  # not there, or cut off by a crash of the machine
            clip = self._rendered(seed)
        self._keep(path, lambda unfinished: save_clip(clip, unfinished))
        return clip

    def landmarks(self, number: int) -> dict[str, np.ndarray]:
        """Loads the landmarks of clip `number`, or works them out without its pictures and keeps them."""
        try:
            return {name: points / np.float32(self.size) for name, points in load_landmarks(self._path(number)).items()}
        except (OSError, ValueError, KeyError):
            path = self._path(number).with_suffix(".landmarks.npz")
        try:
            return load_landmarks(path)
        except (OSError, ValueError, KeyError):
            landmarks = self._landmarks(self._seed(number))
        self._keep(path, lambda unfinished: save_landmarks(landmarks, unfinished))
        return landmarks

    def _keep(self, path: Path, save: Callable[[Path], None]) -> None:
        """Complete or not at all: other processes read it."""
        with os_errors_as_output_errors(path):
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
            try:
                save(unfinished)
                os.replace(unfinished, path)
            finally:
                unfinished.unlink(missing_ok=True)

    def name(self, number: int) -> str:
        """See `ClipSource`."""
        return f"rendered clip of seed {self._seed(number)}"

    def _seed(self, number: int) -> int:
        return self.first_seed + number

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._seed(number):09d}.npz"

    def _rendered(self, seed: int) -> TrainingClip:
        with _people_that_cannot_be_built():
            return self.render(seed)

    def _landmarks(self, seed: int) -> dict[str, np.ndarray]:
        with _people_that_cannot_be_built():
            return clip_landmarks(self._bust, self._shapes, self._plan(seed), ("target", "swapped"))

    def render(self, seed: int) -> TrainingClip:
        """Renders the clip of one seed: the target, a twin, and where the target's points lie in the source frames."""
        plan = self._plan(seed)
        layered = ("target",) if self.layers else ()
        clip = Clip(self._renderer, plan, self.size, ("target", "swapped"), layers=layered)
        frames = list(clip)
        truth = collect_truth(plan, frames)
        return TrainingClip(
            target=np.stack([frame.pictures["target"] for frame in frames]),
            twins={"swapped": np.stack([frame.pictures["swapped"] for frame in frames])},
            landmarks=truth.landmarks,
            foreground=truth.foreground["target"],
            motion=self._motion(clip, frames, seed),
            layers=_layers(frames) if self.layers else None,
        )

    @cached_property
    def _bust(self) -> Bust:
        return build_bust(Rig.load(self._rig))

    @cached_property
    def _shapes(self) -> SparseShapes:
        return expression_shapes(self._bust)

    @cached_property
    def _renderer(self) -> Renderer:
        return Renderer(self._bust)

    def _plan(self, seed: int) -> RenderPlan:
        return plan_clip(seed, self.frames, self.fps, self.framing_jitter, variety=self.variety)

    def _motion(self, clip: Clip, frames: list[ClipFrame], seed: int) -> Motion:
        sources = stream(seed, "sources").choice(self.frames, self.sources, replace=False)
        flows, visible = [], []
        for source in sources:
            for frame in frames:
                moved = correspond(
                    clip.subjects["target"],
                    frame.rendered["target"],
                    frames[source].rendered["target"],
                    clip.supersampling,
                )
                person = frame.rendered["target"].triangle_ids >= 0
                flows.append(halved(moved.flow / self.size, person))
                visible.append(_quarters(moved.visible).mean((1, 3)) >= 0.5)
        shape = (self.sources, self.frames)
        half = self.size // 2
        flow = np.stack(flows).astype(np.float16).transpose(0, 3, 1, 2).reshape(*shape, 2, half, half)
        return Motion(sources, flow, np.stack(visible).reshape(*shape, half, half))


@contextlib.contextmanager
def _people_that_cannot_be_built() -> Iterator[None]:
    """One of thousands."""
    try:
        yield
    except (ValueError, IndexError, ArithmeticError) as error:
        raise BrokenClipError(repr(error)) from error


def _layers(frames: list[ClipFrame]) -> ClipLayers:
    layers = [frame.layers["target"] for frame in frames]
    mattes = np.round(np.stack([layer.matte for layer in layers]) * 255).astype(np.uint8)
    return ClipLayers(mattes, np.stack([layer.plate for layer in layers]))


def halved(flow: np.ndarray, person: np.ndarray) -> np.ndarray:
    """(S, S, 2) flow -> (S / 2, S / 2, 2), the mean over the pixels that show the person; 0 where none does."""
    weights = _quarters(person).astype(np.float32)[..., None]
    total = (_quarters(flow) * weights).sum((1, 3))
    return total / np.maximum(weights.sum((1, 3)), 1)


def _quarters(picture: np.ndarray) -> np.ndarray:
    """(S, S, ...) -> (S / 2, 2, S / 2, 2, ...)."""
    half = len(picture) // 2
    return picture.reshape(half, 2, half, 2, *picture.shape[2:])
