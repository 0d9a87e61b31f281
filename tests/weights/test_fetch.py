"""`megactor weights fetch` against a hub of our own on this machine: nothing leaves it."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from command_line import error_line, megactor
from huggingface_hub import constants
from official_release import write_release

from megactor.errors import ModelError, OutputError
from megactor.pipeline import MegActorPipeline
from megactor.weights import fetch as fetching
from megactor.weights.fetch import fetch, fetched_release

REPOSITORY = fetching.RELEASES["sd15"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".ckpt", ".bin", ".safetensors")
OUR_OWN = "weights/checkpoint-steps9000.ckpt"


class FakeHub(ThreadingHTTPServer):
    """Answers as the Hugging Face hub does, for one repository.

    files: path -> content.
    sent: what was asked for, as (path, first byte).
    breaks_at: path -> number of bytes after which the connection ends, once.
    lies: paths whose content is not what the listed checksum says.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubRequest)
        self.files: dict[str, bytes] = {}
        self.sent: list[tuple[str, int]] = []
        self.breaks_at: dict[str, int] = {}
        self.lies: set[str] = set()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def checksum(self, path: str) -> str:
        content = self.files[path]
        if path.endswith(LARGE):
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()

    def listing(self) -> dict:
        siblings = []
        for path, content in self.files.items():
            entry: dict = {"rfilename": path, "size": len(content), "blobId": self.checksum(path)}
            if path.endswith(LARGE):
                entry["lfs"] = {"sha256": self.checksum(path), "size": len(content), "pointerSize": 130}
            siblings.append(entry)
        return {"id": REPOSITORY, "modelId": REPOSITORY, "sha": COMMIT, "siblings": siblings, "tags": []}


class HubRequest(BaseHTTPRequestHandler):
    server: FakeHub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if path.startswith(f"/api/models/{REPOSITORY}"):
            if path.endswith("/revision/main") or path.endswith(f"/revision/{COMMIT}"):
                self.reply(200, json.dumps(self.server.listing()).encode(), {"Content-Type": "application/json"}, True)
            else:
                self.reply(404, b"", {"X-Error-Code": "RevisionNotFound"}, with_body)
            return
        match = re.fullmatch(rf"/{REPOSITORY}/resolve/{COMMIT}/(.*)", path)
        if match is None or match[1] not in self.server.files:
            self.reply(404, b"", {"X-Error-Code": "RepoNotFound"}, with_body)
            return
        self.send_file(match[1], with_body)

    def send_file(self, path: str, with_body: bool) -> None:
        content = self.server.files[path]
        headers = {"ETag": f'"{self.server.checksum(path)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        if asked:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        if with_body:
            self.server.sent.append((path, first))
        if path in self.server.lies:
            content = bytes(len(content))
        self.reply(
            206 if asked else 200,
            content[first:],
            headers,
            with_body,
            self.server.breaks_at.pop(path, None) if with_body else None,
        )

    def reply(
        self, status: int, body: bytes, headers: dict[str, str], with_body: bool, breaks_at: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body[:breaks_at])
            if breaks_at is not None:
                self.wfile.flush()
                self.close_connection = True


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
    server = FakeHub()
    server.files = dict(release)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    )
    yield server
    server.shutdown()
    server.server_close()


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
