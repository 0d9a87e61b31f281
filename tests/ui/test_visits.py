"""Visits over HTTP, without a browser: what comes back, what goes, and what nobody else gets."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import page_runner
import pytest
from fastapi import FastAPI
from media_samples import Clip, write_clip
from patience import PATIENCE
from PIL import Image
from starlette.testclient import TestClient
from tiny_model import CenteredFaceAnalyzer

from megactor.jobs import Engine
from megactor.ui.actions import Actions
from megactor.ui.inputs import InputReader
from megactor.ui.limits import Limits
from megactor.ui.presets import PageSettings
from megactor.ui.routes import file_routes, visit_routes

LIMITS = Limits(upload_mb=1, seconds=6, jobs=2, results=2)


class Page:
    """The page's routes on a folder, and a visitor who knows a key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ""
        self.start()
        self.new_visit()

    def start(self) -> None:
        self.engine = Engine(self.folder, page_runner.SPEC, limits=LIMITS.of_jobs)
        self.actions = Actions(self.engine, InputReader(CenteredFaceAnalyzer()), LIMITS)
        app = FastAPI(openapi_url=None)
        app.include_router(visit_routes(self.actions))
        app.include_router(file_routes(self.actions))
        self.client = TestClient(app)

    def new_visit(self) -> None:
        self.key = self.client.post("/visit").json()["key"]

    def ask(self, method: str, path: str = "", status: int = 200, **more: Any) -> dict[str, Any]:
        answer = self.client.request(method, f"/visit{path}", headers={"x-visit": self.key}, **more)
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    def send(self, role: str, path: Path, status: int = 200) -> dict[str, Any]:
        return self.ask("PUT", f"/{role}?name={path.name}", status, content=path.read_bytes())

    def animate(self, status: int = 200, **settings: Any) -> dict[str, Any]:
        return self.ask("POST", "/animate", status, json=PageSettings(**settings).to_form())

    def until(self, wanted: Any) -> dict[str, Any]:
        state, end = self.ask("GET"), time.monotonic() + PATIENCE
        while not wanted(state):
            assert time.monotonic() < end, state
            state = self.ask("GET", f"?known={state['fingerprint']}")
        return state

    def ended(self) -> dict[str, Any]:
        return self.until(lambda state: state["progress"] is None)


@pytest.fixture(scope="module")
def module_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    page = Page(tmp_path_factory.mktemp("page"))
    yield page
    page.engine.close()


@pytest.fixture
def page(module_page: Page) -> Page:
    module_page.new_visit()
    return module_page


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "me.png"
    Image.new("RGB", (128, 128), (90, 120, 150)).save(path)
    return path


@pytest.fixture(scope="module")
def driving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("files") / "talk.mp4", Clip(frames=8))


def addresses(html: str) -> list[str]:
    return [part.split('"')[0] for part in html.split('"/')[1:]]


def test_nothing_is_lost_by_a_restart_a_failure_or_a_cancel(page: Page, portrait: Path, driving: Path) -> None:
    assert page.animate(422)["error"] == "choose a portrait and a driving video first"
    assert not page.send("portrait", portrait)["ready"]
    assert page.send("driving", driving)["ready"]
    page.animate(start=0.08)
    first = page.ended()
    assert first["history"].count("<button") == 1
    assert "autoplay" not in first["result"] and "loop" not in first["result"]

    page.animate(seed=13)
    failed = page.ended()
    assert "no face found in the driving video talk.mp4: try another" in failed["message"]
    assert (failed["result"], failed["history"]) == (first["result"], first["history"])

    page.animate(motion_scale=2)
    assert page.animate(422)["error"].startswith("your last animation is still running")
    page.until(lambda state: state["progress"] and state["progress"]["percent"] > 0)
    page.engine.close()
    page.start()
    again = page.until(lambda state: state["progress"] and state["progress"]["percent"] > 0)
    assert (again["portrait"], again["driving"]) == (first["portrait"], first["driving"])
    assert again["settings"][3] == 2
    began = time.monotonic()
    canceled = page.ask("POST", "/cancel")
    assert canceled["progress"] is None and time.monotonic() - began < 1
    assert "Canceled" in canceled["message"]
    assert (canceled["result"], canceled["history"]) == (first["result"], first["history"])


def test_answers_say_when_they_were_read(page: Page, portrait: Path) -> None:
    """They overtake each other on their way: the page keeps the one that was read last."""
    before = page.ask("GET")["read"]
    sent = page.send("portrait", portrait)["read"]
    assert before < sent < page.ask("GET")["read"]


def test_a_job_that_waits_is_canceled_at_once(page: Page, portrait: Path, driving: Path) -> None:
    other = page.key
    for _ in range(2):
        page.send("portrait", portrait)
        page.send("driving", driving)
        page.animate(motion_scale=2)
        second = page.key
        page.new_visit()
    page.key = second
    waiting = page.until(lambda state: "Waiting for 1 other animation" in state["progress"]["words"])
    assert waiting["progress"]["left"] == ""
    page.new_visit()
    page.send("portrait", portrait)
    page.send("driving", driving)
    assert page.animate(422)["error"].startswith("2 animations are running or waiting already")
    page.key = second
    assert page.ask("POST", "/cancel")["progress"] is None
    page.key = other
    assert page.ask("POST", "/cancel")["progress"] is None


def test_files_are_what_they_are_and_nobody_elses(page: Page, portrait: Path, driving: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil.html"
    evil.write_bytes(driving.read_bytes() + b"<!doctype html><script>alert(1)</script>")
    page.send("portrait", portrait)
    page.send("driving", evil)
    page.animate()
    state = page.ended()
    kinds = {}
    for part in ("portrait", "driving", "result"):
        for address in addresses(state[part]):
            answer = page.client.get(f"/{address}")
            assert answer.status_code == 200
            assert answer.headers["content-disposition"].startswith("attachment")
            assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
            kinds[answer.headers["content-type"]] = part
            secret = address.split("/")[1]
            assert page.client.get(f"/{address.replace(secret, 'A' * len(secret))}").status_code == 404
    assert set(kinds) == {"image/jpeg", "image/gif", "image/webp", "video/mp4"}
    mine = page.key
    page.new_visit()
    foreign = addresses(state["result"])[0].split("/")
    own = page.send("portrait", portrait)
    foreign[1] = addresses(own["portrait"])[0].split("/")[1]
    assert page.client.get("/" + "/".join(foreign)).status_code == 404
    for key in ("", "wrong", foreign[1]):
        page.key = key
        assert page.ask("GET", status=404) == {"error": "there is no such visit"}

    page.key = mine
    page.ask("DELETE")
    page.ask("GET", status=404)
    assert all(page.client.get(f"/{address}").status_code == 404 for address in addresses(state["result"]))
    assert b"alert(1)" not in b"".join(path.read_bytes() for path in page.folder.glob("contents/*"))


def test_refusals_are_one_line_with_the_files_own_name(page: Page, tmp_path: Path, portrait: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "large.mp4").write_bytes(bytes(1_100_000))
    long = write_clip(tmp_path / f"{'x' * 190}.mp4", Clip(frames=200))
    words = "not a picture that can be read: text.png; convert it to PNG or JPEG"
    assert page.send("portrait", tmp_path / "text.png", 422)["error"] == words
    assert "this page takes up to 1 MB" in page.send("driving", tmp_path / "large.mp4", 413)["error"]
    page.send("portrait", portrait)
    assert "Longer than the 6 s" in page.send("driving", long)["driving"]
    assert "up to 6 s are animated here" in page.animate(422)["error"]
    page.animate(end=0.2)
    assert 'download="me-xxx' in page.ended()["result"]


def test_only_so_many_results_are_kept_and_one_is_marked(page: Page, portrait: Path, driving: Path) -> None:
    page.send("portrait", portrait)
    page.send("driving", driving)
    for settings in ({"end": 0.1}, {"end": 0.2}, {"end": 0.2, "seed": 5}):
        page.animate(**settings)
        state = page.ended()
    assert [word in state["history"] for word in ("0-0.1 s", "0-0.2 s", "seed 5")] == [False, True, True]
    assert state["history"].count('aria-pressed="true"') == 1
    older = state["history"].split('data-index="')[-1].split('"')[0]
    shown = page.ask("POST", f"/show/{older}")
    assert older in shown["result"] and older not in state["result"]


def test_the_square_on_the_portrait_is_kept_with_it_and_goes_into_its_jobs(
    page: Page, portrait: Path, driving: Path
) -> None:
    assert 'data-do="crop-reset"' not in page.send("portrait", portrait)["portrait"]
    page.send("driving", driving)
    assert 'data-do="crop-reset"' in page.ask("POST", "/crop", json=[20, 22, 88])["portrait"]
    refused = page.ask("POST", "/crop", 422, json=[20, 22, 300])
    assert refused["error"] == "the portrait crop 20,22,300 reaches out of the 128x128 portrait"
    assert "holds no whole face" in page.ask("POST", "/crop", 422, json=[0, 0, 40])["error"]
    assert "must be X,Y,SIDE" in page.ask("POST", "/crop", 422, json=[1, 2])["error"]
    page.animate()
    assert "own square" in page.ended()["history"]
    visit = page.engine.visits.of_key(page.key)
    assert visit is not None
    assert page.engine.visits.jobs(visit)[0].options["portrait_crop"] == [20, 22, 88]
    assert page.actions.seat(page.key)[2] == {"face": 0, "portrait_crop": [20, 22, 88]}
    assert 'data-do="crop-reset"' not in page.ask("POST", "/crop", json=None)["portrait"]
    page.ask("POST", "/crop", json=[20, 22, 88])
    assert 'data-do="crop-reset"' not in page.send("portrait", portrait)["portrait"], "another portrait has its own"
