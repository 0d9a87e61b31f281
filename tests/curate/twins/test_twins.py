"""Twins of a short clip of the packaged rendered face: what must change and what must stay."""

from importlib import resources

import cv2
import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionImg2ImgPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from megactor.curate.twins.backend import Made, TwinError
from megactor.curate.twins.face_mesh import LEFT_EYE, OVAL
from megactor.curate.twins.make import backends_from_names, make_twins, motion_correlation
from megactor.curate.twins.mesh_swap import MeshSwap
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
    """Of the size that curation has by default."""
    return talking(analyzer, 8, 512)


@pytest.fixture(scope="module")
def swap(analyzer) -> MeshSwap:
    return MeshSwap(analyzer=analyzer)


class Backend:
    """Makes what it is told to."""

    name, stream = "told", "swapped"

    def __init__(self, change) -> None:
        self.change = change

    def make(self, frames, landmarks, seed):
        return Made(self.change(frames))


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
    assert np.ptp(landmarks[0], axis=0).max() > 270
    (twin,) = make_twins(frames, landmarks, [swap], 1, analyzer).values()
    assert twin.frames is not None, twin
    assert twin.scores["motion"] > 0.95 and twin.scores["found"] == 1
    assert twin.scores["seam"] < 1.2 and twin.scores["likeness"] < 0.8
    assert twin.scores["off"] < 0.03  # the landmarks that come with it are where the analyzer finds them
    again = swap.make(frames, landmarks, 1)
    np.testing.assert_array_equal(twin.frames, again.frames)
    np.testing.assert_array_equal(twin.landmarks, again.landmarks)
    difference = np.abs(twin.frames.astype(int) - frames).max(-1)
    for number, mesh in enumerate(landmarks):
        x, y = mesh[list(LEFT_EYE)].mean(0).astype(int)
        assert difference[number, y, x] < 12  # gaze and lids stay
        nose_x, nose_y = mesh[5].astype(int)
        assert difference[number, nose_y - 40 : nose_y + 40, nose_x - 40 : nose_x + 40].mean() > 4
        hull = cv2.convexHull(mesh[list(OVAL)].astype(np.float32)).astype(np.int32)
        outside = cv2.fillConvexPoly(np.zeros(frames.shape[1:3], np.uint8), hull, 1) == 0
        assert difference[number][cv2.erode(outside.astype(np.uint8), np.ones((9, 9))) > 0].max() == 0


def test_small_faces_are_swapped_as_large_ones_are(swap, clip):
    small = np.stack([cv2.resize(frame, (192, 192), interpolation=cv2.INTER_AREA) for frame in clip[0][:2]])
    made = swap.make(small, clip[1][:2] * (192 / 512), 1).frames
    large = swap.make(clip[0][:2], clip[1][:2], 1).frames
    reduced = np.stack([cv2.resize(frame, (192, 192), interpolation=cv2.INTER_AREA) for frame in large])
    assert np.abs(reduced.astype(int) - made).mean() < 2


def pasted(frames: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """A brighter mask on every face, with a rim as soft as six pixels."""
    result = frames.copy()
    for frame, mesh in zip(result, landmarks, strict=True):
        middle = mesh[list(OVAL)].mean(0)
        mask = np.zeros(frame.shape[:2], np.float32)
        cv2.fillConvexPoly(mask, cv2.convexHull(middle + 0.8 * (mesh[list(OVAL)] - middle)).astype(np.int32), 1.0)
        mask = cv2.GaussianBlur(mask, (0, 0), 6)[..., None]
        frame[:] = np.clip(frame + mask * 50, 0, 255)
    return result


def test_checks_drop_what_fails(clip, analyzer):
    frames, landmarks = clip

    def refuse(frames):
        raise TwinError("not this one")

    reasons = {
        "the same person": lambda frames: frames.copy(),
        "moves otherwise": lambda frames: np.repeat(frames[:1], len(frames), axis=0),
        "is not found": lambda frames: np.zeros_like(frames),
        "has a rim": lambda frames: pasted(frames, landmarks),
        "not this one": refuse,
    }
    for words, change in reasons.items():
        (twin,) = make_twins(frames, landmarks, [Backend(change)], 0, analyzer).values()
        assert twin.frames is None, words
        assert words in twin.reason


def test_another_donor_is_tried_where_one_fails(clip, swap, analyzer):
    frames, landmarks = clip

    class Second(Backend):
        def make(self, frames, landmarks, seed):
            return swap.make(frames, landmarks, 1) if seed == 8 else Made(frames.copy())

    (twin,) = make_twins(frames, landmarks, [Second(None)], 7, analyzer).values()
    assert twin.frames is not None, twin.reason


def test_landmarks_that_do_not_belong_to_the_twin_are_seen(clip, analyzer):
    frames, landmarks = clip

    class Elsewhere(Backend):
        def make(self, frames, landmarks, seed):
            return Made(frames.copy(), landmarks + 30)

    (twin,) = make_twins(frames, landmarks, [Elsewhere(None)], 0, analyzer).values()
    assert twin.frames is None and "lies elsewhere" in twin.reason


@pytest.mark.parametrize("seed", range(len(PAINTERS)))
def test_styles_paint_without_flicker(clip, seed):
    frames, landmarks = clip
    still = np.repeat(frames[:1], 3, axis=0)
    made = Styles().make(still, landmarks[:3], seed)
    painted = made.frames
    np.testing.assert_array_equal(made.landmarks, landmarks[:3])
    assert painted.shape == still.shape and painted.dtype == np.uint8
    assert (painted == painted[0]).all()
    assert np.abs(painted[0].astype(int) - still[0]).mean() > 4
    other = Styles().make(still, landmarks[:3], seed + len(PAINTERS)).frames  # the same painter, other choices
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
    made = backend.make(frames, landmarks, 3).frames
    assert made.shape == frames.shape and made.dtype == np.uint8
    np.testing.assert_array_equal(made, backend.make(frames, landmarks, 3).frames)
    assert (made != frames).any()
