"""A clip: somebody performs, and twins perform the same in the same framing. Start reading `megactor.synth` here."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from megactor.synth.anatomy.subject import Subject
from megactor.synth.clips.layers import Layers, true_matte, true_plate
from megactor.synth.clips.plan import STREAMS, RenderPlan
from megactor.synth.identity.assemble import build_subject
from megactor.synth.identity.draws import random_traits
from megactor.synth.motion.performance import random_motion
from megactor.synth.motion.sequence import MotionFrame, MotionSequence
from megactor.synth.render.renderer import Rendered, Renderer
from megactor.synth.scene.photo import PhotoLook, develop
from megactor.synth.scene.scene import Scene, random_scene


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
        self.motion: MotionSequence = random_motion(plan.motion_seed, plan.frames, names, plan.fps, plan.talking_head)
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
