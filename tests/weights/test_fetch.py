"""`megactor weights fetch` against a hub of our own on this machine: nothing leaves it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import error_line, megactor
from fake_hub import FakeHub, fake_hub
from official_release import write_release

from megactor.errors import ModelError, OutputError
from megactor.pipeline import MegActorPipeline
from megactor.weights import fetch as fetching
from megactor.weights.fetch import fetch, fetched_release

REPOSITORY = fetching.RELEASES["sd15"]
OUR_OWN = "weights/checkpoint-steps9000.ckpt"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files of the hub's repository, with much that is not needed."""
    folder = tmp_path_factory.mktemp("hub")
    write_release(folder / "weights")
    for extra in ("README.md", "weights/StableDiffusion/text_encoder/pytorch_model.bin", "weights/face/model.ckpt"):
        (folder / extra).parent.mkdir(parents=True, exist_ok=True)
        (folder / extra).write_bytes(b"not needed")
    vae = folder / "weights" / "sd-vae-ft-mse"
    (vae / "diffusion_pytorch_model.bin").write_bytes(b"the same as a pickle")
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def hub(release: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with fake_hub(tmp_path / "cache", monkeypatch) as server:
        server.repositories[REPOSITORY] = dict(release)
        server.files = server.repositories[REPOSITORY]
        yield server


def test_fetched_once_and_found_by_name(hub: FakeHub, tmp_path: Path) -> None:
    reports: list[tuple[str, int, int | None]] = []
    folder = fetch("sd15", progress=lambda *report: reports.append(report), endpoint=hub.endpoint)

    assert {path for path, _ in hub.sent} == {
        OUR_OWN,
        "weights/StableDiffusion/unet/config.json",
        "weights/StableDiffusion/image_encoder/config.json",
        "weights/StableDiffusion/image_encoder/pytorch_model.bin",
        "weights/sd-vae-ft-mse/config.json",
        "weights/sd-vae-ft-mse/diffusion_pytorch_model.safetensors",
    }
    last = {stage: (done, total) for stage, done, total in reports}
    assert last["download"][1] > 0
    assert last["check"] == (6, 6)
    downloads = [done for stage, done, _ in reports if stage == "download"]
    assert downloads == sorted(downloads)

    assert fetched_release() == folder
    assert MegActorPipeline.from_pretrained("sd15").config.image_size == 64
    hub.sent.clear()
    assert fetch("sd15", endpoint=hub.endpoint) == folder
    assert hub.sent == []


def test_the_command(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "megactor weights fetch sd15" in error_line(megactor("weights", "verify", "sd15"))
    outcome = megactor("weights", "fetch", "sd15")
    assert outcome.code == 0, outcome
    assert outcome.out.endswith("use it with --model sd15\n")
    assert megactor("weights", "verify", "sd15").code == 0


def test_an_interrupted_download_goes_on(hub: FakeHub) -> None:
    breaks_at = 12_000_000  # the client writes pieces of 10 MiB
    hub.breaks_at[OUR_OWN] = breaks_at
    fetch("sd15", endpoint=hub.endpoint)
    starts = [first for path, first in hub.sent if path == OUR_OWN]
    assert starts[0] == 0
    assert 0 < starts[1] <= breaks_at


def test_a_killed_download_is_not_taken_for_a_model(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fetching._Meter, "next_file", stop)
    with pytest.raises(KeyboardInterrupt):
        fetch("sd15", endpoint=hub.endpoint)
    with pytest.raises(ModelError, match="did not end"):
        MegActorPipeline.from_pretrained("sd15")


def test_a_wrong_checksum(hub: FakeHub) -> None:
    hub.lies.add(OUR_OWN)
    with pytest.raises(ModelError, match="checksum is wrong"):
        fetch("sd15", endpoint=hub.endpoint)
    hub.lies.clear()
    fetch("sd15", endpoint=hub.endpoint)
    assert [path for path, _ in hub.sent].count(OUR_OWN) == 2


def test_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no connection to http://127\.0\.0\.1:9"):
        fetch("sd15", endpoint="http://127.0.0.1:9", cache=tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_room(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fetching, "SPARE_BYTES", 10**18)
    with pytest.raises(OutputError, match="GB left: free some space, or set HF_HOME"):
        fetch("sd15", endpoint=hub.endpoint)
    assert not any(path == OUR_OWN for path, _ in hub.sent)


def test_what_the_hub_may_lack(hub: FakeHub) -> None:
    with pytest.raises(ModelError, match="no such revision"):
        fetch("sd15", "v9", endpoint=hub.endpoint)
    del hub.files[OUR_OWN]
    with pytest.raises(ModelError, match=r"has no weights/checkpoint-steps9000\.ckpt"):
        fetch("sd15", endpoint=hub.endpoint)


def test_unknown_release() -> None:
    assert "choose one of sd15" in error_line(megactor("weights", "fetch", "sd16"))
