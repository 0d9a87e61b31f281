"""Latents to pictures: one by one, in batches, on several cores."""

from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from tiny_model import CenteredFaceAnalyzer, tiny_official_pipeline, tiny_pipeline

from megactor.animate.clip import ClipAnimator, PipelineComponents
from megactor.animate.decoding import FrameDecoder
from megactor.compute.cores import Cores
from megactor.compute.memory import MemoryGuard
from megactor.denoise.clip import Frame
from megactor.drive.masking import DrivingCrop
from megactor.drive.portrait import read_portrait
from megactor.models.dense_motion import DenseMotion
from megactor.models.dense_motion.picture_layers import Layers
from megactor.models.dense_motion.portrait_detail import place_person
from megactor.options import AnimationOptions
from megactor.pipeline import MegActorPipeline

PORTRAIT = np.random.default_rng(0).integers(0, 255, (96, 80, 3), np.uint8)
CROPS = [DrivingCrop(crop) for crop in np.random.default_rng(1).integers(0, 255, (11, 32, 32, 3), np.uint8)]


def animator_of(pipe: MegActorPipeline, **changes: Any) -> ClipAnimator:
    pipe._analyzer = CenteredFaceAnalyzer()
    face = read_portrait(PORTRAIT, pipe.analyzer, 0, 32, pipe.config.output_size)
    plan = AnimationOptions(steps=1, **changes).plan(pipe.own_plan)
    return ClipAnimator(PipelineComponents(**pipe.components), face, plan, 0, torch.device("cpu"))


@torch.no_grad()
def latents_of(animator: ClipAnimator) -> list[Frame]:
    return list(animator.denoise(animator.encode(CROPS), len(CROPS)))


def decoder_of(animator: ClipAnimator, batch: int, guard: MemoryGuard | None = None, cores: int = 1) -> FrameDecoder:
    """As on a GPU, where `batch` is more than 1."""
    decoder = FrameDecoder(animator._networks.vae, animator._inputs, guard or MemoryGuard(), Cores(cores))
    decoder._batch, decoder.at_once = batch, max(batch, cores)
    return decoder


def tiny_outlined() -> MegActorPipeline:
    return tiny_pipeline(outline=True)


@pytest.mark.parametrize("make", [tiny_pipeline, tiny_outlined, tiny_official_pipeline])
@torch.no_grad()
def test_batches_and_cores_give_the_same_pictures(make: Any) -> None:
    animator = animator_of(make())
    frames = latents_of(animator)
    single = np.stack(decoder_of(animator, 1)(frames))
    assert single.shape == (11, *PORTRAIT_SIZE[make], 3) and single.dtype == np.uint8
    assert (single[0] != single[5]).any()

    batched = np.stack(decoder_of(animator, 4)(frames)).astype(int)
    assert abs(batched - single).max() <= 1  # a gray level on the edge may be rounded the other way
    np.testing.assert_array_equal(decoder_of(animator, 1, cores=3)(frames), single)


PORTRAIT_SIZE = {tiny_pipeline: (64, 64), tiny_outlined: (64, 64), tiny_official_pipeline: (32, 32)}


@torch.no_grad()
def test_a_full_device_decodes_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    animator = animator_of(tiny_official_pipeline())
    frames = latents_of(animator)
    expected = decoder_of(animator, 1)(frames)
    vae, sizes, said = animator._networks.vae, [], []
    decode = vae.decode

    def small_device(latents: torch.Tensor) -> Any:
        sizes.append(len(latents))
        if len(latents) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return decode(latents)

    monkeypatch.setattr(vae, "decode", small_device)
    decoder = decoder_of(animator, 4, MemoryGuard((), said.append))
    pictures = [picture for part in (frames[:4], frames[4:8], frames[8:]) for picture in decoder(part)]

    np.testing.assert_array_equal(pictures, expected)
    assert sizes == [4] + [1] * 11
    assert said == ["out of memory on the device: frames are decoded one at a time from here on"]


@torch.no_grad()
def test_even_one_frame_may_be_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    animator = animator_of(tiny_official_pipeline())
    frames = latents_of(animator)

    def full(latents: torch.Tensor) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(animator._networks.vae, "decode", full)
    with pytest.raises(torch.OutOfMemoryError):
        decoder_of(animator, 4)(frames)


@pytest.mark.parametrize(("size", "cores", "expected"), [(64, 4, 4), (64, 1, 1), (1024, 4, 1), (512, 8, 4)])
def test_large_pictures_are_not_decoded_side_by_side(size: int, cores: int, expected: int) -> None:
    pipe = tiny_pipeline()
    pipe.register_to_config(output_size=size)
    animator = animator_of(pipe)
    decoder = FrameDecoder(animator._networks.vae, animator._inputs, MemoryGuard(), Cores(cores))
    assert decoder.at_once == expected


def test_a_learned_codec_shares_the_cores() -> None:
    animator = animator_of(tiny_official_pipeline())
    assert FrameDecoder(animator._networks.vae, animator._inputs, MemoryGuard(), Cores(4)).at_once == 1


@pytest.mark.parametrize("chunk", [2, 3])
def test_a_chunk_is_decoded_before_the_next_is_read(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("megactor.animate.clip.Cores.of", lambda device: Cores(2))
    pipe, read = tiny_pipeline(), []

    def camera() -> Any:
        generator = np.random.default_rng(1)
        while True:
            read.append(len(read))
            yield generator.integers(0, 255, (48, 64, 3), np.uint8)

    leads = [len(read) - given for given, _ in enumerate(islice(pipe.stream(PORTRAIT, camera(), chunk=chunk), 12))]

    assert max(leads) == chunk


@torch.no_grad()
def test_a_corrected_outline_shows_more_of_the_person_and_leaves_the_rest_of_the_plate() -> None:
    side = 64
    layers = Layers(torch.zeros(1, 1, side, side), torch.ones(1, 3, side, side), torch.rand(1, 3, side, side))
    layers.matte[..., 16:48, 16:32] = 1
    motion = DenseMotion(torch.zeros(1, 2, 16, 16), torch.ones(1, 1, 16, 16))
    outline = torch.zeros(1, 1, 16, 16)
    outline[..., 4:12, 4:10] = 1  # eight pixels of the result more, to the right
    outline[..., 0, 0] = 0.01  # next to nothing
    frame = torch.ones(1, 3, 16, 16)

    plain = place_person(frame, layers, motion)
    grown = place_person(frame, layers, motion, outline)

    assert torch.equal(plain[..., :18], grown[..., :18])
    assert (grown[..., 20:44, 34:38] == 1).all() and (plain[..., 34:38] == layers.plate[..., 34:38]).all()
    far = torch.ones(side, side, dtype=torch.bool)
    far[12:52, 12:44] = False
    assert torch.equal(grown[..., far], layers.plate[..., far]), "to the bit"


@torch.no_grad()
@pytest.mark.parametrize(("inside", "outside", "kept"), [(0.5, 0.0, 0.514), (0.9, 0.0, 1.0), (1.0, 0.45, 1.0)])
def test_an_outline_takes_away_what_is_in_doubt_and_adds_only_what_is_sure(inside, outside, kept) -> None:
    side = 64
    layers = Layers(torch.zeros(1, 1, side, side), torch.ones(1, 3, side, side), torch.zeros(1, 3, side, side))
    layers.matte[..., 16:48, 16:48] = 1
    motion = DenseMotion(torch.zeros(1, 2, 16, 16), torch.ones(1, 1, 16, 16))
    outline = torch.full((1, 1, 16, 16), outside)
    outline[..., 4:12, 4:12] = inside

    person = place_person(torch.ones(1, 3, 16, 16), layers, motion, outline)  # white before black

    torch.testing.assert_close(person[..., 24:40, 24:40], torch.full((1, 3, 16, 16), kept), atol=0.01, rtol=0)
    assert not person[..., :12].any()


@torch.no_grad()
def test_where_a_portrait_ends_what_was_stretched_there_stays() -> None:
    side = 64
    gray = torch.full((1, 3, side, side), 0.5)
    layers = Layers(torch.ones(1, 1, side, side), gray, torch.zeros(1, 3, side, side))
    stretched = torch.zeros(1, 1, 16, 16)
    stretched[..., :8, :] = 1
    motion = DenseMotion(torch.zeros(1, 2, 16, 16), torch.ones(1, 1, 16, 16), (), stretched)
    white, nobody = torch.ones(1, 3, 16, 16), torch.zeros(1, 1, 16, 16)

    person = place_person(white, layers, motion, nobody)

    torch.testing.assert_close(person[..., :24, :], gray[..., :24, :])
    assert not person[..., 40:, :].any()
    (alone,) = motion.split()
    assert torch.equal(place_person(white, layers, alone, nobody), person)


@torch.no_grad()
def test_where_the_small_model_sees_nobody_the_rim_has_the_moved_persons_colors() -> None:
    side = 64
    layers = Layers(*(torch.full((1, channels, side, side), 0.8) for channels in (1, 3, 3)))
    layers.matte[:] = 0
    layers.matte[..., 16:48, 16:50] = 1  # half a pixel of the small model wider than what that says
    motion = DenseMotion(torch.zeros(1, 2, 16, 16), torch.ones(1, 1, 16, 16))
    outline = torch.zeros(1, 1, 16, 16)
    outline[..., 4:12, 4:12] = 1
    frame = 0.8 * outline.expand(1, 3, 16, 16)  # black where nobody is

    person = place_person(frame, layers, motion, outline)

    torch.testing.assert_close(person, torch.full_like(person, 0.8), atol=0.02, rtol=0)


@torch.no_grad()
def test_strands_move_with_the_person_and_before_the_plate() -> None:
    side = 64
    layers = Layers(*(torch.zeros(1, channels, side, side) for channels in (1, 3, 3, 4)))
    layers.strands[:, :3, 20, 10:20], layers.strands[:, 3, 20, 10:20] = 0.9, 1
    flow = torch.zeros(1, 2, 16, 16)
    flow[:, 1] = -8 / side  # from eight pixels above
    motion = DenseMotion(flow, torch.ones(1, 1, 16, 16))

    moved = place_person(torch.zeros(1, 3, 16, 16), layers, motion)

    assert moved[..., 28, 11:19].min() > 0.8 and moved[..., 20, :].max() == 0
