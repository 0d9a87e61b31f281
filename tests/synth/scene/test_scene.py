import cv2
import numpy as np
import pytest

from megactor.synth.scene.backgrounds import KINDS, Background
from megactor.synth.scene.photo import PhotoLook, develop, random_photo
from megactor.synth.scene.scene import random_framing, random_scene
from megactor.synth.streams import pick, stream


def test_streams_of_other_names_or_seeds_are_unrelated():
    numbers = {(seed, name): stream(seed, name).random(4).tolist() for seed in (0, 1) for name in ("hair", "brows")}
    assert len({tuple(row) for row in numbers.values()}) == 4
    assert stream(1, "hair").random(4).tolist() == numbers[1, "hair"]


def test_pick_follows_the_weights():
    rng = stream(0, "pick")
    drawn = [pick(rng, {"often": 9.0, "rarely": 1.0, "never": 0.0}) for _ in range(300)]
    assert drawn.count("never") == 0
    assert 240 < drawn.count("often") < 295


def test_a_scene_is_a_function_of_its_seed():
    first, again, other = random_scene(5), random_scene(5), random_scene(6)
    assert np.array_equal(first.lights, again.lights)
    assert np.array_equal(first.ambient, again.ambient)
    assert (first.framing, first.background, first.photo) == (again.framing, again.background, again.photo)
    assert first.framing != other.framing


def test_twins_share_the_camera_and_nothing_else():
    target, other = random_scene(5), random_scene(6)
    twin = random_scene(6, framing=target.framing)
    assert other.framing != target.framing
    assert twin.framing == target.framing
    for name in ("lights", "ambient", "background", "photo"):
        mine, others, targets = (getattr(scene, name) for scene in (twin, other, target))
        assert np.array_equal(mine, others), f"{name} must not depend on whose camera it is"
        assert not np.array_equal(mine, targets), name


@pytest.mark.parametrize("seed", range(20))
def test_lights_are_usable(seed):
    scene = random_scene(seed)
    assert 1 <= len(scene.lights) <= 3
    np.testing.assert_allclose(np.linalg.norm(scene.lights[:, :3], axis=1), 1, atol=1e-5)
    assert (scene.lights[:, 3:] > 0).all()
    assert scene.lights[0, 2] > 0, "the key light comes from the camera's side"
    assert scene.ambient.shape == (3, 9)
    assert (scene.ambient[:, 0] > 0).all()


def test_zoom_shows_more():
    assert random_framing(3, zoom=1.25).half_height == pytest.approx(1.25 * random_framing(3).half_height)


@pytest.mark.parametrize("kind", KINDS)
def test_backgrounds_show_the_same_at_every_size(kind):
    background = Background(kind=kind, seed=3, blur=0.02)
    small, large = background.picture(48), background.picture(144)
    assert small.shape == (48, 48, 3)
    assert small.dtype == np.float32
    assert np.array_equal(small, background.picture(48))
    assert 0 <= large.min() <= large.max() <= 1
    assert np.abs(Background(kind=kind, seed=4, blur=0.02).picture(48) - small).mean() > 0.01
    reduced, small = (cv2.resize(picture, (12, 12), interpolation=cv2.INTER_AREA) for picture in (large, small))
    assert np.abs(reduced - small).mean() < 0.02


def test_the_default_camera_changes_nothing():
    picture = np.random.default_rng(0).random((32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(develop(picture, PhotoLook(), 0), picture, atol=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_pictures_are_developed_alike_but_for_their_noise(seed):
    picture = np.random.default_rng(0).random((32, 32, 3)).astype(np.float32) * 1.2 - 0.1
    look = random_photo(seed)
    developed = develop(picture, look, 1)
    assert developed.shape == picture.shape
    assert developed.dtype == np.float32
    assert 0 <= developed.min() <= developed.max() <= 1
    assert np.array_equal(developed, develop(picture, look, 1))


def test_noise_differs_between_frames():
    picture = np.full((32, 32, 3), 0.5, np.float32)
    look = PhotoLook(noise=0.02, chroma_noise=0.02)
    first, second = develop(picture, look, 1), develop(picture, look, 2)
    assert not np.array_equal(first, second)
    assert 0.01 < (first - picture).std() < 0.04


def test_black_and_white_has_no_color():
    picture = np.random.default_rng(0).random((32, 32, 3)).astype(np.float32)
    developed = develop(picture, PhotoLook(saturation=0, noise=0.02, chroma_noise=0.02), 1)
    assert np.ptp(developed, axis=2).max() < 1e-5
