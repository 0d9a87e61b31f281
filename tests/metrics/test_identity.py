import cv2
import numpy as np
import pytest
from synth_toy_rig import toy_rig

from megactor.metrics.identity import color_difference, face_colors, portrait_lead
from megactor.synth.anatomy.bust import build_bust
from megactor.synth.clips.clip import Clip
from megactor.synth.clips.plan import plan_clip
from megactor.synth.render.renderer import Renderer

SEEDS = (3, 4, 5)


@pytest.fixture(scope="module")
def renderer():
    return Renderer(build_bust(toy_rig()))


@pytest.fixture(scope="module", params=SEEDS)
def frames(renderer, request):
    """Moments of two photographed people who do the same."""
    clip = Clip(renderer, plan_clip(request.param, 25, photo=1.0), 96, ("target", "swapped"), supersampling=1)
    return [clip.frame(index) for index in (0, 8, 16, 24)]


def colors_of(frames, stream, pictures=None):
    pictures = pictures or [frame.pictures[stream] for frame in frames]
    return [
        face_colors(picture, frame.rendered[stream].landmarks[:68])
        for picture, frame in zip(pictures, frames, strict=True)
    ]


def test_rendered_people_are_told_apart(frames):
    own, other = colors_of(frames, "target"), colors_of(frames, "swapped")
    assert (portrait_lead(own[1:], own[0], other[0]) > 0).all()
    assert (portrait_lead(other[1:], own[0], other[0]) < 0).all()


def test_a_pasted_face_is_the_drivers_whatever_surrounds_it(frames):
    pasted = []
    for frame in frames:
        mask = np.zeros((96, 96), np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(frame.rendered["target"].landmarks[:68].astype(np.int32)), 1)
        pasted.append(np.where(mask[..., None] > 0, frame.pictures["swapped"], frame.pictures["target"]))
    own, other = colors_of(frames, "target"), colors_of(frames, "swapped")
    assert (portrait_lead(colors_of(frames, "target", pasted), own[0], other[0]) < 0).all()


def test_place_and_size_of_the_face_do_not_matter():
    rng = np.random.default_rng(0)
    landmarks = np.concatenate([np.tile([48.0, 80.0], (17, 1)), rng.uniform(25, 70, (51, 2))])
    picture = cv2.resize(rng.integers(0, 256, (6, 6, 3), np.uint8), (96, 96), interpolation=cv2.INTER_CUBIC)
    colors = face_colors(picture, landmarks)
    assert colors.shape == (51, 3)
    larger = cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    moved = cv2.copyMakeBorder(larger, 20, 0, 30, 0, cv2.BORDER_REFLECT)
    assert color_difference(colors, face_colors(moved, 2 * landmarks + (30, 20))) < 0.5
    assert color_difference(colors, face_colors(255 - picture, landmarks)) > 10


def test_frames_without_a_face_have_no_lead():
    portrait, driver = np.zeros((51, 3), np.float32), np.full((51, 3), 10, np.float32)
    leads = portrait_lead([portrait, None, driver], portrait, driver)
    assert leads[0] == -leads[2] == pytest.approx(np.sqrt(300)) and np.isnan(leads[1])
