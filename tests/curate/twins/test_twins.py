"""Twins of a short clip of the packaged rendered face: what must change and what must stay."""

from importlib import resources

import cv2
import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionImg2ImgPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from megactor.curate.twins.backend import TwinError
from megactor.curate.twins.make import backends_from_names, make_twins, motion_correlation
from megactor.curate.twins.mesh_swap import LEFT_EYE, OVAL, MeshSwap
from megactor.curate.twins.styles import PAINTERS, Styles
from megactor.drive.crop import crop_and_resize, portrait_crop
from megactor.errors import InputError, ModelError
from megactor.faces.analyzer import create_analyzer
from megactor.media.reader import VideoReader

DEMO = resources.files("megactor") / "assets" / "demo"


@pytest.fixture(scope="module")
def analyzer():
    found = create_analyzer()
    yield found
    found.close()


def talking(analyzer, count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """So many frames around the face, and their meshes."""
    with resources.as_file(DEMO / "talk.mp4") as path:
        frames = [frame for number, frame in enumerate(VideoReader(path)) if number % 12 == 0][:count]
    box = portrait_crop(analyzer.faces(frames[0])[0].box, frames[0].shape[1], frames[0].shape[0])
    frames = np.stack([crop_and_resize(frame, box, size, repeat_border=True) for frame in frames])
    return frames, np.stack([analyzer.faces(frame)[0].landmarks for frame in frames]).astype(np.float32)


@pytest.fixture(scope="module")
def clip(analyzer) -> tuple[np.ndarray, np.ndarray]:
    return talking(analyzer, 8, 192)


@pytest.fixture(scope="module")
def swap(analyzer) -> MeshSwap:
    return MeshSwap(analyzer=analyzer)


class Backend:
    """Makes what it is told to."""

    name, stream = "told", "swapped"

    def __init__(self, change) -> None:
        self.change = change

    def make(self, frames, landmarks, seed):
        return self.change(frames)


def test_motion_is_compared_whatever_the_shape_and_place():
    points = np.random.default_rng(0).normal(0, 5, (20, 68, 2)) + np.linspace(0, 100, 68)[:, None]
    assert motion_correlation(points, points) == pytest.approx(1)
    assert motion_correlation(points, points @ np.array([[1.1, 0.1], [-0.1, 0.9]]) + 7) == pytest.approx(1, abs=1e-6)
    assert abs(motion_correlation(points, points[::-1])) < 0.3
    still = np.repeat(points[:1], 20, axis=0)
    assert motion_correlation(still, still + 3) == 1
    assert motion_correlation(points, still) < 0.1


def test_a_swapped_face_is_another_one_and_moves_alike(clip, swap, analyzer):
    frames, landmarks = clip
    (twin,) = make_twins(frames, landmarks, [swap], 1, analyzer).values()
    assert twin.scores["motion"] > 0.95 and twin.scores["found"] == 1
    made = twin.frames if twin.frames is not None else swap.make(frames, landmarks, 1)
    np.testing.assert_array_equal(made, swap.make(frames, landmarks, 1))
    difference = np.abs(made.astype(int) - frames).max(-1)
    for number, mesh in enumerate(landmarks):
        x, y = mesh[list(LEFT_EYE)].mean(0).astype(int)
        assert difference[number, y, x] < 12  # gaze and lids stay
        nose_x, nose_y = mesh[5].astype(int)
        around = difference[number, nose_y - 15 : nose_y + 15, nose_x - 15 : nose_x + 15]
        assert around.mean() > 4
        top = int(mesh[list(OVAL), 1].min())
        assert not difference[number, : max(top - 5, 0)].any()


def test_faces_of_the_default_size_are_swapped_as_small_ones_are(swap, clip, analyzer):
    frames, landmarks = talking(analyzer, 2, 512)
    assert np.ptp(landmarks[0], axis=0).max() > 270
    made = swap.make(frames, landmarks, 1)
    small = np.stack([cv2.resize(frame, (192, 192), interpolation=cv2.INTER_AREA) for frame in made])
    assert np.abs(small.astype(int) - swap.make(*(part[:2] for part in clip), 1)).mean() < 3


def test_checks_drop_what_fails(clip, analyzer):
    frames, landmarks = clip

    def refuse(frames):
        raise TwinError("not this one")

    reasons = {
        "the same person": lambda frames: frames.copy(),
        "moves otherwise": lambda frames: np.repeat(frames[:1], len(frames), axis=0),
        "is not found": lambda frames: np.zeros_like(frames),
        "not this one": refuse,
    }
    for words, change in reasons.items():
        (twin,) = make_twins(frames, landmarks, [Backend(change)], 0, analyzer).values()
        assert twin.frames is None, words
        assert words in twin.reason


@pytest.mark.parametrize("seed", range(len(PAINTERS)))
def test_styles_paint_without_flicker(clip, seed):
    frames, landmarks = clip
    still = np.repeat(frames[:1], 3, axis=0)
    painted = Styles().make(still, landmarks[:3], seed)
    assert painted.shape == still.shape and painted.dtype == np.uint8
    assert (painted == painted[0]).all()
    assert np.abs(painted[0].astype(int) - still[0]).mean() > 4
    other = Styles().make(still, landmarks[:3], seed + len(PAINTERS))  # the same painter, other choices
    assert (other != painted).any()


def test_styled_twins_keep_the_motion(clip, analyzer):
    frames, landmarks = clip
    for seed in range(len(PAINTERS)):
        twin = make_twins(frames, landmarks, [Styles()], seed, analyzer)["styled"]
        assert twin.frames is not None, twin.reason
        assert twin.scores["motion"] > 0.9


def test_names_of_backends(tmp_path):
    assert [backend.name for backend in backends_from_names(["styles"], None)] == ["styles"]
    with pytest.raises(InputError, match="magic"):
        backends_from_names(["magic"], None)
    with pytest.raises(InputError, match="no portrait"):
        backends_from_names(["mesh-swap"], tmp_path)
    with pytest.raises(ModelError, match="image-to-image"):
        backends_from_names([f"img2img={tmp_path}"], None)


def test_any_image_to_image_pipeline_can_style(clip, tmp_path):
    torch.manual_seed(0)
    tokens = [*"abcdefghijklmnopqrstuvwxyz,", *(f"{letter}</w>" for letter in "abcdefghijklmnopqrstuvwxyz,")]
    vocabulary = {token: number for number, token in enumerate(["<|startoftext|>", "<|endoftext|>", *tokens])}
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=16)
    text = CLIPTextConfig(
        vocab_size=len(vocabulary),
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        max_position_embeddings=16,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=8,
        norm_num_groups=4,
        attention_head_dim=2,
    )
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
    StableDiffusionImg2ImgPipeline(
        vae=AutoencoderKL(**blocks, block_out_channels=(4, 8), norm_num_groups=4, latent_channels=4),
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(tmp_path / "model")

    (backend,) = backends_from_names([f"img2img={tmp_path / 'model'}"], None)
    frames, landmarks = clip[0][:2, :64, :64], clip[1][:2]
    made = backend.make(frames, landmarks, 3)
    assert made.shape == frames.shape and made.dtype == np.uint8
    np.testing.assert_array_equal(made, backend.make(frames, landmarks, 3))
    assert (made != frames).any()
