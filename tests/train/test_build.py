import pytest
import torch
from tiny_model import tiny_official_pipeline, tiny_pipeline

from megactor.errors import InputError, ModelError
from megactor.models.noise_schedules import nano_schedule, official_training_schedule, training_schedule
from megactor.train.build import build_networks
from megactor.train.config import load_config
from megactor.train.networks import load_networks


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A model of the same shape with other weights."""
    folder = tmp_path_factory.mktemp("other")
    pipe = tiny_pipeline(body=True)
    for network in (pipe.unet, pipe.dense_motion):
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter)
    pipe.save_pretrained(folder)
    return folder


def test_parts_come_from_other_models(recipe, tiny_model, other):
    config = load_config(recipe(parts={"dense_motion.unet": str(other), "unet": str(other)}))
    mixed, base = build_networks(config), build_networks(load_config(recipe()))
    taken = build_networks(load_config(recipe(init=str(other))))

    def weight(networks, name):
        network, _, inner = name.partition(".")
        return next(networks.components[network].get_submodule(inner).parameters())

    for name in ("dense_motion.unet", "unet"):
        assert torch.equal(weight(mixed, name), weight(taken, name))
        assert not torch.equal(weight(mixed, name), weight(base, name))
    for name in ("dense_motion.keypoints", "reference_net"):
        assert torch.equal(weight(mixed, name), weight(base, name))


@pytest.mark.parametrize("name", ["sculptor", "unet.sculptor"])
def test_parts_that_are_not_there(recipe, other, name):
    with pytest.raises(ModelError, match=name):
        build_networks(load_config(recipe(parts={name: str(other)})))


def test_parts_of_another_shape(recipe, tmp_path):
    tiny_official_pipeline().save_pretrained(tmp_path / "sd15")
    with pytest.raises(ModelError, match="another shape"):
        build_networks(load_config(recipe(parts={"unet": str(tmp_path / "sd15")})))
    with pytest.raises(ModelError, match="dense_motion"):
        build_networks(load_config(recipe(parts={"dense_motion": str(tmp_path / "sd15")})))


def test_pictures_of_another_size(recipe):
    with pytest.raises(InputError, match="32 pixels"):
        build_networks(load_config(recipe(), ["data.size=64"]))


def test_a_saved_model_does_not_tell_where_it_was_trained(recipe, tiny_model, tmp_path):
    build_networks(load_config(recipe())).save(tmp_path / "model")

    for config in (tmp_path / "model").rglob("*.json"):
        assert str(tiny_model) not in config.read_text()


@pytest.mark.parametrize("name", ["own", "official"])
@pytest.mark.parametrize("make", [tiny_pipeline, tiny_official_pipeline])
def test_the_saved_schedule_decides_the_noise_of_training(tmp_path, make, name):
    pipe = make()
    pipe.register_to_config(training_schedule=name)
    pipe.save_pretrained(tmp_path / "model")
    networks = load_networks(str(tmp_path / "model"))
    networks.save(tmp_path / "again")
    expected = official_training_schedule() if name == "official" else pipe.scheduler

    for noise in (networks.noise, load_networks(str(tmp_path / "again")).noise):
        torch.testing.assert_close(noise.alphas_cumprod, expected.alphas_cumprod)
        assert noise.config.prediction_type == expected.config.prediction_type


def test_presets_and_the_packaged_model_know_their_schedule():
    nano, own = load_networks("nano"), nano_schedule()
    torch.testing.assert_close(nano.noise.alphas_cumprod, own.alphas_cumprod)
    assert nano.settings["training_schedule"] == "own" and nano.noise.config.prediction_type == "sample"
    with pytest.raises(ModelError, match="'mine'"):
        training_schedule("mine", own)
