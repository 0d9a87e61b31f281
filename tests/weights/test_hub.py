"""Models that go to the hub and come back, against a hub of our own on this machine: nothing leaves it."""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from command_line import error_line, megactor
from diffusers import EulerDiscreteScheduler
from fake_hub import FakeHub, fake_hub
from huggingface_hub import ModelCard
from tiny_model import tiny_pipeline

from megactor.errors import ModelError
from megactor.pipeline import MegActorPipeline
from megactor.weights.hub import is_hub_name

TOKEN = "hf_ours"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with fake_hub(tmp_path / "cache", monkeypatch) as server:
        yield server


def test_a_pushed_model_comes_back_by_its_name(hub: FakeHub) -> None:
    pipe = tiny_pipeline(scheduler=EulerDiscreteScheduler(prediction_type="sample", beta_end=0.01))
    address = pipe.push_to_hub("me/tiny", token=TOKEN, license="mit")

    files = hub.repositories["me/tiny"]
    assert address.startswith(f"{hub.endpoint}/me/tiny/commit/")
    index = json.loads(files["model_index.json"])
    for name, part in pipe.components.items():
        library, kind = index[name]
        assert getattr(importlib.import_module(library), kind) is type(part)
    card = ModelCard(files["README.md"].decode())
    assert card.data.to_dict()["license"] == "mit"
    assert card.data.to_dict()["pipeline_tag"] == "image-to-video"
    assert card.data.to_dict()["library_name"] == "megactor"
    assert "portrait-animation" in card.data.to_dict()["tags"]
    assert 'from_pretrained("me/tiny")' in card.text and "EulerDiscreteScheduler" in card.text

    files["unet/diffusion_pytorch_model.bin"] = b"a pickle"
    back = MegActorPipeline.from_pretrained("me/tiny")
    assert type(back.scheduler) is EulerDiscreteScheduler and back.scheduler.config.beta_end == 0.01
    for key, value in pipe.unet.state_dict().items():
        torch.testing.assert_close(back.unet.state_dict()[key], value)
    assert back.card == files["README.md"].decode()
    assert "unet/diffusion_pytorch_model.bin" not in {path for path, _ in hub.sent}

    hub.sent.clear()
    MegActorPipeline.from_pretrained("me/tiny")
    assert MegActorPipeline.from_pretrained("me/tiny", local_files_only=True).config.image_size == 32
    assert hub.sent == []


def test_the_card_that_is_there_stays(hub: FakeHub) -> None:
    words = "---\nlicense: cc-by-4.0\ntags:\n- mine\n---\n\n# Our people\n"
    hub.repositories["me/tiny"] = {"README.md": words.encode()}
    pipe = tiny_pipeline()
    pipe.push_to_hub("me/tiny", token=TOKEN)
    card = ModelCard(hub.repositories["me/tiny"]["README.md"].decode())
    assert card.text.strip() == "# Our people"
    metadata = card.data.to_dict()
    assert metadata["license"] == "cc-by-4.0" and metadata["tags"][0] == "mine" and "megactor" in metadata["tags"]
    pipe.card = "# Other words"
    pipe.push_to_hub("me/tiny", token=TOKEN)
    assert "Other words" in hub.repositories["me/tiny"]["README.md"].decode()


def test_save_pretrained_pushes_as_diffusers_does_it(hub: FakeHub, tmp_path: Path) -> None:
    tiny_pipeline().save_pretrained(tmp_path / "tiny", variant="fp16", push_to_hub=True, token=TOKEN)
    assert (tmp_path / "tiny" / "README.md").is_file()
    assert MegActorPipeline.from_pretrained(tmp_path / "tiny", variant="fp16").config.image_size == 32
    assert "model_index.json" in hub.repositories["me/tiny"]


def test_the_packaged_models_card_goes_with_it(tmp_path: Path) -> None:
    card = MegActorPipeline.from_pretrained("nano").card
    assert card is not None and ModelCard(card).data.to_dict()["license"] == "apache-2.0"


def test_the_command_fetches_by_name(hub: FakeHub) -> None:
    tiny_pipeline().push_to_hub("me/tiny", token=TOKEN)
    line = error_line(megactor("weights", "verify", "me/nothing"))
    assert line == f"error: {hub.endpoint} has no me/nothing: it was moved or made private, or the name is misspelled"
    outcome = megactor("weights", "fetch", "me/tiny")
    assert outcome.code == 0 and outcome.out.endswith("use it with --model me/tiny\n"), outcome
    hub.server_close()  # from here on there is no hub
    assert megactor("weights", "verify", "me/tiny").code == 0


def test_what_the_hub_may_answer(hub: FakeHub, tmp_path: Path) -> None:
    hub.repositories["you/other"] = {"config.json": b"{}"}
    with pytest.raises(ModelError, match=r"no model of ours: it has no model_index\.json"):
        MegActorPipeline.from_pretrained("you/other")
    with pytest.raises(ModelError, match="no such revision"):
        MegActorPipeline.from_pretrained("you/other", revision="v9")
    with pytest.raises(ModelError, match="not on this machine: get it with `megactor weights fetch you/absent`"):
        MegActorPipeline.from_pretrained("you/absent", local_files_only=True)
    with pytest.raises(ModelError, match="hf auth login"):
        tiny_pipeline().push_to_hub("me/tiny", token="hf_another")


def test_a_folder_goes_before_a_name(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_pipeline().save_pretrained(tmp_path / "me" / "tiny")
    monkeypatch.chdir(tmp_path)
    assert not is_hub_name("me/tiny") and is_hub_name("me/other")
    assert MegActorPipeline.from_pretrained("me/tiny").config.image_size == 32
    assert not any(is_hub_name(name) for name in ("nano", "a/b/c", "/a/b", "./a", "../b", "a/", "~/models"))


def test_an_index_that_names_other_classes_is_refused(tmp_path: Path) -> None:
    tiny_pipeline().save_pretrained(tmp_path)
    index = tmp_path / "model_index.json"
    index.write_text(index.read_text().replace("DenoisingUNet", "UNet2DModel"))
    with pytest.raises(ModelError, match="names the class UNet2DModel for unet: only DenoisingUNet"):
        MegActorPipeline.from_pretrained(tmp_path)
