"""What the official recipe does otherwise than ours: where the values come from is said in docs/training.md."""

import numpy as np
import pytest
import torch
from tiny_model import tiny_official_pipeline
from train.documented_commands import ROOT
from train.fake_shards import SIZE, write_shard

from megactor.drive.masking import face_rectangle, landmark_box
from megactor.train.clips import TrainingClip
from megactor.train.config import DiffusionConfig, TrainConfig, load_config
from megactor.train.data_config import AugmentConfig, DataConfig
from megactor.train.dataset import Samples
from megactor.train.loss import predict, predict_guided
from megactor.train.networks import load_networks
from megactor.train.samples import collate, cut_sample
from megactor.train.shards import ShardClips
from megactor.train.tasks.diffusion import DiffusionTask

PLAIN = AugmentConfig(mirror=0, crop=0, recolor=0, driver_jitter=0, driver_warp=0, driver_recolor=0, box_jitter=0)
WARPED = PLAIN.model_copy(update={"driver_warp": 1.0})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("official")
    tiny_official_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return ShardClips(str(write_shard(tmp_path_factory.mktemp("shards") / "clips.tar", clips=1, frames=4)))


def diffusion(model, **changes) -> DiffusionTask:
    return DiffusionTask(load_networks(str(model)), DiffusionConfig(kind="diffusion", train=("unet",), **changes), 0)


@pytest.fixture(scope="module")
def batch(clips):
    config = DataConfig(size=SIZE, frames=2, shards=({"urls": "x"},), augment=PLAIN, known_motion=False)
    return collate([cut_sample(clips.clip(0), config, np.random.default_rng(0)) | {"number": np.int64(5)}])


def test_targets_are_samples_where_the_recipe_says_so(model, batch):
    task = diffusion(model, target_latents="sample")
    mean = task.clean_latents(batch)
    first, again = (task.clean_latents(batch, task.generators(batch)) for _ in range(2))
    assert torch.equal(first, again) and not torch.equal(first, mean)
    spread = task.vae.encode(batch["target"][0].float() / 255 * 2 - 1).latent_dist.std * task.vae.config.scaling_factor
    assert float(((first - mean).transpose(1, 2)[0] / spread).std()) == pytest.approx(1, abs=0.25)
    plain = diffusion(model)
    assert torch.equal(plain.clean_latents(batch, plain.generators(batch)), mean)


def test_validation_is_guided_where_the_recipe_says_so(model, batch):
    task = diffusion(model, validation_guidance=4.5)
    generators = task.generators(batch)
    with torch.no_grad():
        clean = task.clean_latents(batch)
        inputs = task.inputs(batch, clean, generators, None)
        networks, noisy, steps = (
            (task.unet, task.reference_net, task.pose_guider),
            torch.randn(clean.shape),
            torch.tensor([900]),
        )
        with_portrait = predict(*networks, inputs, noisy, steps)
        without = predict(*networks, inputs, noisy, steps, with_reference=False)
        guided = predict_guided(*networks, inputs, noisy, steps, 4.5)
        torch.testing.assert_close(guided, without + 4.5 * (with_portrait - without), atol=1e-4, rtol=1e-3)
        task.steps, scales = 1, []

        def told(*arguments):
            scales.append(arguments[-1])
            return predict_guided(*arguments)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("megactor.train.tasks.animation.predict_guided", told)
            task.validate(batch)
    assert scales == [4.5]


def drive(clips, mask, augment, seed=3):
    config = DataConfig(size=SIZE, twin=1.0, mask=mask, shards=({"urls": "x"},), augment=augment, known_motion=False)
    clip = clips.clip(0)
    standing = np.repeat(clip.landmarks["target"][:1], len(clip), 0)
    # all frames alike and of one gray, so that what is kept is what is not black
    gray = TrainingClip(
        target=np.full_like(clip.target, 200),
        twins={name: np.full_like(frames, 200) for name, frames in clip.twins.items()},
        landmarks={"target": standing, "swapped": (0.7 * standing).astype(np.float32)},
        foreground=clip.foreground,
        motion=None,
    )
    sample = cut_sample(gray, config, np.random.default_rng(seed))
    kept = np.flatnonzero(sample["driving"][0, 0].max(0) > 100)
    return gray, (kept.min(), kept.max() + 1), sample


def test_the_mask_is_of_the_targets_face(clips):
    """The twin's face is smaller, and further to the left."""
    found = {}
    for mask, stream in (("driver", "swapped"), ("target", "target")):
        gray, found[mask], _ = drive(clips, mask, PLAIN)
        left, right, _, _ = face_rectangle(landmark_box(gray.landmarks[stream][0]), SIZE, SIZE)
        assert found[mask] == (left, right)
    assert found["driver"] != found["target"]


def test_the_official_mask_is_warped_with_the_driver(clips):
    """Its edges lie where the warp takes the target's box; ours is laid over the warped picture."""
    _, before, _ = drive(clips, "target", PLAIN)
    _, after, sample = drive(clips, "target", WARPED)
    assert after != before and sample["driving"].max() <= 200
    outside = sample["driver_shown"][0, 0] == 0  # where the warp brings nothing in
    assert (sample["driving"][0, 0][outside] == 0).all()


@pytest.mark.parametrize(
    ("stage", "train", "twin", "warp"),
    [(1, {"unet", "motion_modules", "reference_net", "pose_guider"}, 0.1, 0.0), (2, {"motion_modules"}, 0.5, 0.25)],
)
def test_the_recipes_hold_the_official_values(stage, train, twin, warp):
    config: TrainConfig = load_config(ROOT / "configs" / f"sd15-official-stage{stage}.yaml")
    task, data, optimizer = config.task, config.data, config.optimizer
    assert isinstance(task, DiffusionConfig) and set(task.train) == train
    assert task.target_latents == "sample" and task.validation_guidance == 4.5 and task.loss == "prediction"
    assert (data.size, data.frames, data.stride, data.twin, data.mask) == (512, 12, 2, twin, "target")
    assert data.augment == PLAIN.model_copy(update={"driver_warp": warp}) and data.strongest == 1
    assert (optimizer.learning_rate, optimizer.schedule, optimizer.warmup, optimizer.accumulation) == (
        1e-5,
        "constant",
        0,
        2,
    )
    assert (optimizer.betas, optimizer.weight_decay, optimizer.max_grad_norm, optimizer.ema) == (
        (0.9, 0.999),
        0.01,
        1,
        0,
    )
    assert config.precision == "fp16" and task.offset_noise == 0.1


def test_samples_of_the_official_recipe(clips, tmp_path):
    shard = write_shard(tmp_path / "clips.tar", clips=1, frames=30)
    changes = [f"data.shards=[{{urls: {shard}}}]", f"data.size={SIZE}"]
    config = load_config(ROOT / "configs" / "sd15-official-stage1.yaml", changes)
    sample = Samples(config.data, config.seed)[0]
    assert sample["target"].shape == (12, 3, SIZE, SIZE) and sample["driving"].shape == (12, 3, SIZE, SIZE)
