"""The HTTP interface with its engine: animations asked for, followed, fetched, deleted; and every wrong request."""

import json
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import megactor
from media_samples import Clip, write_clip
from patience import PATIENCE, wait_until
from PIL import Image

from megactor.media.reader import VideoReader

pytest.importorskip("fastapi", reason="FastAPI is not installed")
import httpx
from fastapi.testclient import TestClient

from megactor.jobs import Engine, JobLimits, Queue, RunnerSpec
from megactor.jobs.database import os_errors
from megactor.serve.app import create_app
from megactor.serve.server import Server
from megactor.serve.tokens import FILE, Tokens

PAGE = Path(__file__).parents[2] / "docs" / "serve.md"
CLIENT = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)[0]
LIMITS = JobLimits(bytes=200_000, seconds=5, jobs=6, jobs_of_caller=4)
Files = dict[str, tuple[str, bytes]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serve")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    place = tmp_path_factory.mktemp("files")
    Image.fromarray(np.full((80, 80, 3), 120, np.uint8)).save(place / "me.png")
    video = write_clip(place / "talk.mp4", Clip(frames=10))
    return {"portrait": ("me.png", (place / "me.png").read_bytes()), "driving": ("talk.mp4", video.read_bytes())}


@pytest.fixture(scope="module")
def tokens(folder: Path) -> dict[str, str]:
    known = Tokens(folder)
    return {name: known.add(name) for name in ("ada", "ben")}


@pytest.fixture(scope="module")
def server(folder: Path, tokens: dict[str, str]) -> Iterator[TestClient]:
    runner = RunnerSpec("serve_runner:make", {"pause": 0.02})
    with Engine(folder / "jobs", runner, limits=LIMITS) as engine:
        yield TestClient(create_app(engine, Tokens(folder), "nano"), headers=bearer(tokens["ada"]))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def finished(server: TestClient, place: str) -> dict:
    deadline = time.monotonic() + PATIENCE
    while (job := server.get(place).json())["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    return job


def events(text: str) -> list[tuple[str, dict]]:
    return [(name, json.loads(data)) for name, data in re.findall(r"event: (\w+)\ndata: (.*)\n\n", text)]


def test_an_animation_from_request_to_deletion(server: TestClient, files: Files, tmp_path: Path) -> None:
    answer = server.post("/v1/animations", files=files, data={"size": "128", "format": "mov", "audio": "false"})
    assert answer.status_code == 202, answer.text
    place, job = answer.headers["location"], answer.json()
    assert job["links"]["self"] == place and job["files"] == {"portrait": "me.png", "driving": "talk.mp4"}
    assert (job["options"]["size"], job["options"]["format"], job["options"]["audio"]) == (128, "mov", False)

    heard = events(server.get(f"{place}/events").text)
    assert {name for name, _ in heard[:-1]} <= {"progress"} and heard[-1][0] == "done"
    shares = [told["progress"]["share"] for _, told in heard]
    assert shares == sorted(shares) and shares[-1] == 1.0
    job = finished(server, place)
    assert job["result"] | {"warnings": []} == {
        **{"href": f"{place}/result", "name": "me-talk.mov", "media_type": "video/quicktime", "frames": 4},
        **{"width": 64, "height": 64, "fps": 25.0, "warnings": []},
    }
    whole = server.get(job["result"]["href"])
    assert whole.headers["content-type"] == "video/quicktime" and whole.headers["cache-control"] == "no-store"
    (tmp_path / "result.mov").write_bytes(whole.content)
    assert len(list(VideoReader(tmp_path / "result.mov"))) == 4
    part = server.get(f"{place}/result", headers={"Range": "bytes=10-19"})
    assert part.status_code == 206 and part.content == whole.content[10:20]
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    beyond = server.get(f"{place}/result", headers={"Range": "bytes=99999999-"})
    assert beyond.status_code == 416

    assert server.delete(place).status_code == 204
    for gone in (server.get(place), server.get(f"{place}/result"), server.delete(place)):
        assert gone.status_code == 404 and gone.headers["content-type"] == "application/problem+json"


def test_a_repeated_request_is_the_same_animation(server: TestClient, files: Files) -> None:
    headers = {"Idempotency-Key": "monday-1"}
    first, again = (server.post("/v1/animations", files=files, headers=headers).json() for _ in range(2))
    assert first["id"] == again["id"]
    other = server.post("/v1/animations", files=files, data={"seed": "2"}, headers=headers)
    assert other.status_code == 422 and other.json()["type"] == "urn:megactor:problem:KeyReused"
    finished(server, f"/v1/animations/{first['id']}")


def test_a_job_that_fails_says_why_with_its_own_names(server: TestClient, files: Files) -> None:
    place = server.post("/v1/animations", files=files, data={"seed": "13"}).headers["location"]
    job = finished(server, place)
    assert job["state"] == "failed" and job["result"] is None
    assert job["error"] == {"type": "urn:megactor:problem:FaceError", "detail": "no face found in me.png"}
    refused = server.get(f"{place}/result")
    assert refused.status_code == 409 and refused.json()["detail"] == "it is failed: no face found in me.png"


@pytest.mark.parametrize(
    ("change", "words", "status", "says"),
    [
        ({}, {"steps": "0"}, 422, "steps is 0, but must be from 1 to 1000"),
        ({}, {"steps": "many"}, 422, "steps is 'many', but must be a whole number"),
        ({}, {"guidance": "nan"}, 422, "guidance is nan"),
        ({}, {"size": "100"}, 422, "size 100 is not divisible by 8: try 96"),
        ({}, {"start": "3", "end": "2"}, 422, "must lie behind the start"),
        ({}, {"layout": "grid"}, 422, "unknown layout 'grid': choose one of result, side-by-side"),
        ({}, {"paste_back": "yes", "layout": "side-by-side"}, 422, "paste back needs the layout"),
        ({}, {"audio": "perhaps"}, 422, "audio is 'perhaps', but must be true or false"),
        ({}, {"format": "avi"}, 422, "unknown format 'avi'"),
        ({}, {"colour": "red"}, 422, "there is no option colour"),
        ({"portrait": None}, {}, 422, "the file portrait is missing"),
        ({"portrait": ("me.png", b"words")}, {}, 422, "not a picture that can be read: me.png"),
        ({"portrait": ("me.png", b"")}, {}, 422, "image is empty (0 bytes): me.png"),
        ({"driving": ("../x/talk.mp4", b"words")}, {}, 422, "talk.mp4"),
        ({"driving": "portrait"}, {}, 422, "me.png"),
        ({"portrait": ("me.png", bytes(300_000))}, {}, 413, "me.png is larger than the 0 MB that are taken here"),
        ({"portrait": ("me.png", bytes(2_000_000))}, {}, 413, "a file is larger than the 0 MB"),
    ],
)
def test_wrong_requests(server: TestClient, files: Files, change, words, status: int, says: str) -> None:
    sent = {role: files.get(file, file) if isinstance(file, str) else file for role, file in (files | change).items()}
    sent = {role: file for role, file in sent.items() if file is not None}
    answer = server.post("/v1/animations", files=sent, data=words)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert says in problem["detail"] and problem["status"] == status and "\n" not in problem["detail"]
    assert "contents" not in problem["detail"] and "Traceback" not in answer.text


def test_requests_of_another_kind(server: TestClient, files: Files) -> None:
    assert server.post("/v1/animations", json={"portrait": "me.png"}).status_code == 415
    cut = server.post("/v1/animations", content=b"--x\r\n", headers={"content-type": "multipart/form-data"})
    assert cut.status_code == 400
    assert server.put("/v1/animations").status_code == 405
    key = server.post("/v1/animations", files=files, headers={"Idempotency-Key": "a" * 256})
    assert key.status_code == 400
    for answer in (cut, key, server.get("/v2")):
        assert answer.headers["content-type"] == "application/problem+json"


def test_only_who_has_a_token_and_only_their_own(
    server: TestClient, files: Files, tokens: dict[str, str], folder: Path
) -> None:
    place = server.post("/v1/animations", files=files).headers["location"]
    for headers in ({"Authorization": ""}, bearer("mga_wrong"), {"Authorization": f"Basic {tokens['ada']}"}):
        for path in (place, f"{place}/result", f"{place}/events", "/v1/models", "/metrics"):
            answer = server.get(path, headers=headers)
            assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer", path
    for path in (place, f"{place}/result", f"{place}/events"):
        assert server.get(path, headers=bearer(tokens["ben"])).status_code == 404
    assert server.delete(place, headers=bearer(tokens["ben"])).status_code == 404
    finished(server, place)

    kept = folder / FILE
    assert not any(token in kept.read_text() for token in tokens.values()) and kept.stat().st_mode & 0o077 == 0
    new = megactor("serve", "--folder", folder, "--new-token", "cara").out.strip()
    assert server.get("/v1/models", headers=bearer(new)).status_code == 200
    assert "there is a token cara already" in megactor("serve", "--folder", folder, "--new-token", "cara").err
    assert megactor("serve", "--folder", folder, "--revoke", "cara").code == 0
    assert server.get("/v1/models", headers=bearer(new)).status_code == 401
    assert "there is no token cara" in megactor("serve", "--folder", folder, "--revoke", "cara").err


@pytest.mark.parametrize(
    ("cause", "status", "kind"),
    [
        (sqlite3.OperationalError("database is locked"), 503, "Busy"),
        (sqlite3.OperationalError("database or disk is full"), 507, "OutputError"),
        (OSError(28, "No space left on device"), 507, "OutputError"),
    ],
)
def test_a_server_that_cannot_keep_a_job(
    server: TestClient, files: Files, monkeypatch: pytest.MonkeyPatch, folder: Path, cause, status: int, kind: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        with os_errors(folder):
            raise cause

    monkeypatch.setattr(Queue, "submit", refuse)
    answer = server.post("/v1/animations", files=files)
    assert answer.status_code == status and answer.json()["type"] == f"urn:megactor:problem:{kind}"
    assert str(folder) not in answer.text and ("retry-after" in answer.headers) == (status == 503)


def test_limits_and_cancelling(server: TestClient, files: Files, tokens: dict[str, str]) -> None:
    slow = [server.post("/v1/animations", files=files, data={"seed": "7", "fps": f"{n}"}) for n in (10, 11, 12, 13)]
    assert [answer.status_code for answer in slow] == [202] * 4
    busy = server.post("/v1/animations", files=files)
    assert busy.status_code == 429 and int(busy.headers["retry-after"]) > 0
    others = [
        server.post("/v1/animations", files=files, data={"fps": f"{n}"}, headers=bearer(tokens["ben"]))
        for n in (10, 11, 12)
    ]
    assert [answer.status_code for answer in others] == [202, 202, 503]
    assert (
        server.get(others[1].headers["location"], headers=bearer(tokens["ben"])).json()["progress"]["jobs_before"] == 5
    )
    assert (
        server.get(f"{slow[3].headers['location']}/result").json()["detail"]
        == "it is waiting, so there is no result yet"
    )
    for answer in slow:
        assert server.delete(answer.headers["location"]).status_code == 204
    for answer in others[:2]:
        place = answer.headers["location"]
        while server.get(place, headers=bearer(tokens["ben"])).json()["state"] != "done":
            time.sleep(0.05)


def test_what_the_server_says_of_itself(server: TestClient, files: Files) -> None:
    finished(server, server.post("/v1/animations", files=files).headers["location"])
    assert server.get("/healthz", headers={"Authorization": ""}).json()["status"] == "ok"
    assert server.get("/readyz").json() == {"status": "ready"}
    (model,) = server.get("/v1/models").json()["models"]
    assert model["id"] == "nano" and model["limits"]["seconds"] == 5
    text = server.get("/metrics").text
    series = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert int(series['megactor_jobs{state="done"}']) > 0 and series["megactor_ready"] == "1"
    asked = 'megactor_http_requests_total{method="POST",route="/v1/animations",status="202"}'
    assert int(series[asked]) > 0 and float(series["process_resident_memory_bytes"]) > 1e6
    assert float(series['megactor_worker_resident_memory_bytes{worker="0"}']) > 1e6
    assert not re.search(r"animations/[^{]", text), "names of jobs would make a series each"

    described = server.get("/openapi.json").json()
    assert set(described["paths"]) >= {"/v1/animations", "/v1/animations/{identity}/result", "/metrics", "/readyz"}
    post = described["paths"]["/v1/animations"]["post"]
    form = post["requestBody"]["content"]["multipart/form-data"]
    assert form["schema"]["properties"]["size"] == {"type": "integer"} and form["example"]["size"] == 256
    assert form["schema"]["properties"]["portrait_crop"]["type"] == "string"
    for status in ("422", "429"):
        assert "example" in post["responses"][status]["content"]["application/problem+json"]
    assert described["components"]["securitySchemes"]


def test_a_model_that_cannot_be_loaded_is_told(folder: Path, files: Files, tokens: dict[str, str]) -> None:
    with Engine(folder / "broken", RunnerSpec("stub_runner:make", {"failing": "no such model"})) as engine:
        client = TestClient(create_app(engine, Tokens(folder), "nano"), headers=bearer(tokens["ada"]))
        assert client.get("/readyz").status_code == 503
        wait_until(lambda: engine.state == "failed")
        assert client.get("/readyz").json()["detail"] == "no such model"
        answer = client.post("/v1/animations", files=files)
        assert answer.status_code == 503 and "no such model" in answer.json()["detail"]


def test_a_real_socket_streams_events_and_the_pages_client_works(tmp_path: Path, files: Files) -> None:
    server = Server(tmp_path, "127.0.0.1", 0, RunnerSpec("serve_runner:make", {"pause": 0.05}), "nano", LIMITS)
    token = Tokens(tmp_path).add("ada")
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with httpx.Client(base_url=server.url, headers=bearer(token), timeout=PATIENCE) as client:
            place = client.post("/v1/animations", files=files, data={"seed": "7"}).headers["location"]
            with client.stream("GET", f"{place}/events") as stream:
                lines = stream.iter_lines()
                first = next(line for line in lines if line.startswith("data: "))
                assert json.loads(first[6:])["state"] in ("waiting", "running")
                client.delete(place)
                assert "event: deleted" in list(lines)
        (tmp_path / "client.py").write_text(CLIENT)
        for name in ("me.png", "talk.mp4"):
            (tmp_path / name).write_bytes(next(content for known, content in files.values() if known == name))
        command = [sys.executable, "client.py", server.url, token, "me.png", "talk.mp4", "out.mp4"]
        used = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
        assert used.returncode == 0 and used.stdout.endswith("done 100%\n"), used
        assert len(list(VideoReader(tmp_path / "out.mp4"))) == 4
    finally:
        server.stop()
        thread.join(PATIENCE)
    assert not thread.is_alive()
