"""A clip: somebody performs, and twins perform the same in the same framing. Start reading `megactor.synth` here."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from megactor.synth.anatomy.subject import Subject
from megactor.synth.clips.layers import Layers, true_matte, true_plate
from megactor.synth.identity.assemble import build_subject
from megactor.synth.identity.draws import random_traits
from megactor.synth.motion.performance import random_motion
from megactor.synth.motion.sequence import MotionFrame, MotionSequence
from megactor.synth.render.renderer import Rendered, Renderer
from megactor.synth.scene.photo import PhotoLook, develop
from megactor.synth.scene.scene import Framing, Scene, random_framing, random_scene
from megactor.synth.streams import stream
from megactor.synth.styles.style import Style, random_style

STREAMS = ("target", "swapped", "styled")
"""The performance itself; the same by another person (the driver that training sees); the same drawn or painted."""

AVATAR_ZOOM = 1.25
"""3-D avatars have large heads: the camera of their clips steps back."""


@dataclass(frozen=True)
class Performer:
    """Who is seen in one stream, where, and how the picture is made.

    identity_seed: of the person.
    scene_seed: of light, background and camera; the framing is the clip's.
    style: of the picture.
    """

    identity_seed: int
    scene_seed: int
    style: Style


@dataclass(frozen=True)
class RenderPlan:
    """All about a clip, in numbers: the same plan gives the same pictures.

    seed: that it was planned from.
    motion_seed: of what all performers do.
    framings: camera of each stream; equal unless framing jitter was asked for.
    performers: by stream.
    frames, fps: length and rate.
    """

    seed: int
    motion_seed: int
    framings: dict[str, Framing]
    performers: dict[str, Performer]
    frames: int
    fps: float


@dataclass(frozen=True)
class ClipFrame:
    """One moment of a clip.

    pictures: stream -> uint8 (S, S, 3) RGB.
    rendered: stream -> what the renderer knows of it.
    pose: what all performers do.
    layers: stream -> true matte and plate, of the streams for which they were asked.
    """

    pictures: dict[str, np.ndarray]
    rendered: dict[str, Rendered]
    pose: MotionFrame
    layers: dict[str, Layers] = field(default_factory=dict)


def plan_clip(
    seed: int, frames: int, fps: float = 25.0, framing_jitter: float = 0.0, photo: float = 0.65
) -> RenderPlan:
    """Plans a clip.

    Motion and framing are shared: with different cameras nobody could tell from the driver where the target's head
    belongs. Identity, light, background and style differ.

    Args:
        seed: of everything.
        frames: length.
        fps: frames a second.
        framing_jitter: standard deviation by which the twins' cameras differ: of the log of the picture's extent, and
            of the shift in pictures.
        photo: how likely target and swapped are photographs; styled never is.
    """
    seeds = stream(seed, "clip").integers(0, 2**31, 8).tolist()
    styles = {
        "target": random_style(seeds[0], photo),
        "swapped": random_style(seeds[1], photo + 0.6 * (1 - photo)),
        "styled": random_style(seeds[2], photo=0.0),
    }
    performers = {
        name: Performer(seeds[3] + number, seeds[4] + number, styles[name]) for number, name in enumerate(STREAMS)
    }
    avatar = any(style.name == "avatar" for style in styles.values())
    shared = random_framing(seeds[5], AVATAR_ZOOM if avatar else 1.0)
    rng = stream(seed, "framing jitter")
    framings = {"target": shared} | {name: _jittered(shared, framing_jitter, rng) for name in STREAMS[1:]}
    return RenderPlan(seed, seeds[6], framings, performers, frames, fps)


def _jittered(framing: Framing, amount: float, rng: np.random.Generator) -> Framing:
    scale, shift = np.exp(rng.normal(0, amount)), rng.normal(0, amount, 2) * 2 * framing.half_height
    center = (framing.center[0] + float(shift[0]), framing.center[1] + float(shift[1]))
    return replace(framing, half_height=framing.half_height * float(scale), center=center)


class Clip:
    """A planned clip, ready to be rendered frame by frame, in any order.

    Args:
        renderer: on the rig that everybody is built on.
        plan: of the clip.
        size: S, side of the pictures in pixels.
        streams: which of `STREAMS` are rendered; those left out cost nothing.
        supersampling: samples along each side of a pixel.
        layers: of which streams the frames tell true mattes and plates.
    """

    def __init__(
        self,
        renderer: Renderer,
        plan: RenderPlan,
        size: int,
        streams: tuple[str, ...] = STREAMS,
        supersampling: int = 2,
        layers: tuple[str, ...] = (),
    ) -> None:
        self.plan = plan
        self.size = size
        self.supersampling = supersampling
        names = renderer.bust.rig.expression_names
        self.motion: MotionSequence = random_motion(plan.motion_seed, plan.frames, names, plan.fps)
        self.subjects: dict[str, Subject] = {}
        self.scenes: dict[str, Scene] = {}
        self._looks: dict[str, PhotoLook] = {}
        for name in streams:
            performer = plan.performers[name]
            traits = random_traits(performer.identity_seed, avatar=performer.style.name == "avatar")
            self.subjects[name] = build_subject(renderer.bust, traits)
            self.scenes[name] = random_scene(performer.scene_seed, plan.framings[name])
            look = self.scenes[name].photo
            # a painting has no sensor noise and no white balance; its file may be compressed like any other
            self._looks[name] = look if performer.style.name == "photo" else PhotoLook(jpeg=look.jpeg)
        self._renderer = renderer
        self._layers = layers
        self._plates: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        """Frames."""
        return self.plan.frames

    def __iter__(self) -> Iterator[ClipFrame]:
        """All frames in order."""
        return (self.frame(index) for index in range(len(self)))

    def frame(self, index: int) -> ClipFrame:
        """Renders one moment of all streams."""
        pose = self.motion[index]
        pictures, rendered = {}, {}
        for name, subject in self.subjects.items():
            seen = self._renderer.render(subject, self.scenes[name], pose, self.size, self.supersampling)
            painted = self.plan.performers[name].style.paint(seen)
            developed = develop(painted, self._looks[name], noise_seed=index)
            pictures[name] = np.round(developed * 255).astype(np.uint8)
            rendered[name] = seen
        layers = {
            name: Layers(true_matte(rendered[name], self._looks[name]), self._plate(name)) for name in self._layers
        }
        return ClipFrame(pictures, rendered, pose, layers)

    def _plate(self, name: str) -> np.ndarray:
        """The same for all frames: camera and background stand still."""
        if name not in self._plates:
            background = self._renderer.background(self.scenes[name], self.size)
            self._plates[name] = true_plate(background, self.plan.performers[name].style, self._looks[name])
        return self._plates[name]
