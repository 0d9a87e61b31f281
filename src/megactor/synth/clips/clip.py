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

_FILMED = ("photo", "avatar")
"""Styles of pictures that are exposed for a while; painters do not blur what moves."""
_SHARP = 0.8
"""Pixels that something may move while the shutter is open before it is blurred."""
_INSTANTS = 5
"""At most so many are seen in a frame."""


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
        self.looks: dict[str, PhotoLook] = {}
        for name in streams:
            performer = plan.performers[name]
            traits = random_traits(
                performer.identity_seed, avatar=performer.style.name == "avatar", details=plan.details
            )
            self.subjects[name] = build_subject(renderer.bust, traits)
            self.scenes[name] = random_scene(performer.scene_seed, plan.framings[name])
            look = self.scenes[name].photo
            # a painting has no sensor noise and no white balance; its file may be compressed like any other
            self.looks[name] = look if performer.style.name == "photo" else PhotoLook(jpeg=look.jpeg)
        self._renderer = renderer
        self._layers = layers
        self._plates: dict[str, tuple[tuple[float, float], np.ndarray]] = {}

    def __len__(self) -> int:
        """Frames."""
        return self.plan.frames

    def __iter__(self) -> Iterator[ClipFrame]:
        """All frames in order."""
        return (self.frame(index) for index in range(len(self)))

    def frame(self, index: int) -> ClipFrame:
        """Renders one moment of all streams."""
        moment = self.plan.handling.moment(index)
        pictures, rendered, layers = {}, {}, {}
        for name in self.subjects:
            seen = self._exposed(name, moment)
            painted = self.plan.performers[name].style.paint(seen)
            developed = develop(painted, self.looks[name], noise_seed=moment)
            pictures[name] = np.round(developed * 255).astype(np.uint8)
            rendered[name] = seen
            if name in self._layers:
                layers[name] = Layers(true_matte(seen, self.looks[name]), self._plate(name, moment))
        return ClipFrame(pictures, rendered, self.motion[moment], layers)

    def _exposed(self, name: str, moment: int) -> Rendered:
        """What the camera sees while its shutter is open: the mean of some instants, the truth of the middle one."""
        seen = self._instant(name, float(moment))
        around = self._instants(name, moment)
        if around:
            others = [self._instant(name, position) for position in around]
            for field_name in ("rgb", "alpha"):
                values = [getattr(one, field_name) for one in (seen, *others)]
                getattr(seen, field_name)[:] = np.mean(values, axis=0)
        return seen

    def _instants(self, name: str, moment: int) -> list[float]:
        """Positions in the motion, besides the middle one, that are seen: as many as what moves fastest has pixels."""
        style, handling = self.plan.performers[name].style.name, self.plan.handling
        if handling.shutter == 0 or style not in _FILMED:
            return []
        half = min(handling.shutter * self.plan.fps, 1.0) / 2
        before, after = self.motion.between(moment - half), self.motion.between(moment + half)
        units = (
            10 * float(np.linalg.norm(after.rotation - before.rotation))
            + float(np.linalg.norm(after.translation - before.translation))
            + float(np.abs(after.expressions - before.expressions).max())
        )
        pixels = units * self.size / (2 * self.plan.framings[name].half_height)
        if pixels < _SHARP:
            return []
        count = min(int(np.ceil(pixels / 2)), _INSTANTS // 2)
        steps = half * np.arange(1, count + 1) / (count + 0.5)
        return [*(moment - steps[::-1]), *(moment + steps)]

    def _instant(self, name: str, position: float) -> Rendered:
        shift = self.plan.handling.shift(position / self.plan.fps)
        return self._renderer.render(
            self.subjects[name],
            self.scenes[name],
            self.motion.between(position),
            self.size,
            self.supersampling,
            shift,
            (0.0, 0.0) if name == "target" else shift,
        )

    def _plate(self, name: str, moment: int) -> np.ndarray:
        """The target's is the same for all frames: its background stands still."""
        shift = (0.0, 0.0) if name == "target" else self.plan.handling.shift(moment / self.plan.fps)
        if name not in self._plates or self._plates[name][0] != shift:
            background = self._renderer.background(self.scenes[name], self.size, shift)
            self._plates[name] = shift, true_plate(background, self.plan.performers[name].style, self.looks[name])
        return self._plates[name][1]
