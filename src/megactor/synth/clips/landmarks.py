"""The landmarks of a clip without its pictures, at a small part of the price; for networks that see nothing else."""

from dataclasses import replace

import numpy as np

from megactor.synth.anatomy.bust import Bust
from megactor.synth.clips.plan import RenderPlan
from megactor.synth.identity.assemble import build_subject
from megactor.synth.identity.draws import random_traits
from megactor.synth.identity.traits import Traits
from megactor.synth.motion.performance import random_motion
from megactor.synth.posing.deformation import SparseShapes
from megactor.synth.posing.poser import Poser
from megactor.synth.render.renderer import projected_landmarks
from megactor.synth.scene.camera import camera_for

_TEXTURE = 16
"""Nobody sees the skin."""


def clip_landmarks(
    bust: Bust, shapes: SparseShapes, plan: RenderPlan, streams: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """What `Clip` would say of its landmarks.

    Args:
        bust: that everybody is built on.
        shapes: `expression_shapes(bust)`.
        plan: of the clip.
        streams: who performs.

    Returns:
        Stream -> (T, 70, 2) float32 in picture units.
    """
    motion = random_motion(plan.motion_seed, plan.frames, bust.rig.expression_names, plan.fps, plan.talking_head)
    moments = [plan.handling.moment(index) for index in range(plan.frames)]
    found = {}
    for name in streams:
        performer = plan.performers[name]
        traits = random_traits(performer.identity_seed, avatar=performer.style.name == "avatar", details=plan.details)
        poser = Poser(bust, shapes, build_subject(bust, _bare(traits), _TEXTURE))
        points = []
        for moment in moments:
            framing = plan.framings[name].moved(*plan.handling.shift(moment / plan.fps))
            points.append(projected_landmarks(bust, poser.pose(motion.between(moment)), camera_for(framing, size=1)))
        found[name] = np.stack(points)
    return found


def _bare(traits: Traits) -> Traits:
    """The same face without what takes long to grow and moves no landmark."""
    hair, beard = replace(traits.hair, style="bald"), replace(traits.beard, style="shaved")
    return replace(traits, hair=hair, beard=beard, glasses=None, hat=None, earrings=None)
