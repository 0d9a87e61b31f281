import pytest
import torch
from tiny_model import tiny_official_pipeline, tiny_pipeline

from megactor.errors import InputError, ModelError
from megactor.train.build import build_networks
from megactor.train.config import load_config


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A model of the same shape with other weights."""
    folder = tmp_path_factory.mktemp("other")
    pipe = tiny_pipeline()
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
