"""What the encoder of driving frames remembers from frame to frame."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_model import tiny_pipeline
from torch import Tensor

from megactor.animate.clip import ClipAnimator, PipelineComponents
from megactor.drive.masking import DrivingCrop
from megactor.drive.pictures import read_picture
from megactor.options import AnimationOptions

FRAMES = 5


def flows(
    frames: Sequence[np.ndarray | DrivingCrop],
    chunk: int,
    samples: Sequence[np.ndarray] = (),
    body: bool = False,
    **changes: object,
) -> Tensor:
    """(F, 2, h, w), how each of them moves the portrait."""
    torch.manual_seed(0)
    pipe = tiny_pipeline(body=body)
    torch.nn.init.normal_(pipe.dense_motion.retargeter.proj_out.weight, std=0.05)
    pipe.dense_motion.register_to_config(**changes)
    face = pipe.read_portrait(read_picture(np.random.default_rng(1).integers(0, 255, (96, 96, 3), np.uint8)), 0, 64)
    plan = replace(AnimationOptions(steps=1).plan(pipe.own_plan), chunk=chunk)
    parts = PipelineComponents(**pipe.components)
    animator = ClipAnimator(parts, face, plan, 0, torch.device("cpu"), samples=[*map(DrivingCrop, samples)])
    return torch.cat([conditions.motion.flow for conditions in animator.encode(map(DrivingCrop.of, frames))])


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    still = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    return [np.roll(still, number, 0) for number in range(FRAMES)]


RELATIVE = {"head_change": 1.0, "expression_gains": (1.0, 1.5, 1.5)}


def test_relative_motion_knows_the_frames_before_however_they_come(frames):
    whole = flows(frames, FRAMES, **RELATIVE)

    torch.testing.assert_close(flows(frames, 2, **RELATIVE), whole, atol=1e-4, rtol=0)
    assert (whole - flows(frames[::-1], FRAMES, **RELATIVE).flip(0)).abs().amax((1, 2, 3)).gt(1e-3).all()


def test_who_was_sampled_before_is_known_from_the_first_frame_on(frames):
    whole = flows(frames, FRAMES, frames[:3], **RELATIVE)
    backwards = flows(frames[::-1], FRAMES, frames[:3], **RELATIVE).flip(0)

    torch.testing.assert_close(backwards, whole, atol=1e-4, rtol=0)
    assert (whole[0] - flows(frames[:1], FRAMES, **RELATIVE)[0]).abs().max() > 1e-3


def test_without_it_every_frame_is_on_its_own(frames):
    whole = flows(frames, FRAMES, frames[:3])

    torch.testing.assert_close(flows(frames[::-1], FRAMES).flip(0), whole, atol=1e-4, rtol=0)


def test_a_body_that_was_seen_moves_the_portrait(frames):
    still = [frames[0]] * FRAMES
    crops = [DrivingCrop(frame, np.array([0.05 * number, 0, 0], np.float32)) for number, frame in enumerate(still)]

    unseen, seen = (flows(given, FRAMES, body=True) for given in (still, crops))

    torch.testing.assert_close(seen[0], unseen[0], atol=1e-4, rtol=0)
    assert (seen[1:] - unseen[1:]).abs().amax((1, 2, 3)).gt(1e-3).all()
