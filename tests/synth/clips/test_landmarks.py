"""Landmarks without pictures are those of the pictures."""

import numpy as np

from megactor.synth.clips.clip import Clip
from megactor.synth.clips.landmarks import clip_landmarks
from megactor.synth.clips.plan import plan_clip
from megactor.synth.clips.variety import PLAIN, TRAINING
from megactor.synth.posing.poser import expression_shapes
from megactor.synth.render.renderer import Renderer

SIZE = 64


def test_they_are_the_renderers(renderer: Renderer) -> None:
    shapes = expression_shapes(renderer.bust)
    for seed in range(3):
        plan = plan_clip(seed, frames=2, fps=4.0, variety=TRAINING if seed else PLAIN)
        found = clip_landmarks(renderer.bust, shapes, plan, ("target", "swapped"))
        for index, frame in enumerate(Clip(renderer, plan, SIZE, ("target", "swapped"), supersampling=1)):
            for name, points in found.items():
                np.testing.assert_allclose(points[index] * SIZE, frame.rendered[name].landmarks, atol=1e-3)
