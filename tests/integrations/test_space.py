"""The Space: its runner under a ZeroGPU that is played by a stub, and what the hub reads of its folder."""

import importlib.util
import pickle
import sys
import threading
import types
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media_samples import Clip, write_clip
from patience import PATIENCE, wait_until
from PIL import Image
from tiny_model import tiny_pipeline

from megactor.errors import FaceError
from megactor.jobs import Task
from megactor.media.reader import VideoReader
from megactor.pipeline import MegActorPipeline

SPACE = Path(__file__).parents[2] / "integrations" / "space"


class ZeroGpu:
    """Does to a generator what ZeroGPU does: whatever goes in or comes out is pickled, errors lose their words."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.started = 0

    def __call__(self, duration: int) -> Any:
        def decorate(task: Any) -> Any:
            @wraps(task)
            def run(*arguments: Any) -> Any:
                self.calls.append(duration)
                try:
                    for value in task(*pickle.loads(pickle.dumps(arguments))):
                        yield pickle.loads(pickle.dumps(value))
                except Exception as error:
                    raise RuntimeError(type(error).__name__) from None

            return run

        return decorate


class Report:
    def __init__(self) -> None:
        self.stages: list[str] = []

    def count(self, stage: str, done: int, total: int | None) -> None:
        self.stages.append(stage)

    def picture(self, make: Any) -> None:
        pass


@pytest.fixture
def zero() -> ZeroGpu:
    return ZeroGpu()


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, zero: ZeroGpu) -> types.ModuleType:
    spaces, inner = types.ModuleType("spaces"), types.ModuleType("spaces.zero")
    spaces.GPU = zero  # type: ignore[attr-defined]
    config = types.SimpleNamespace(Config=types.SimpleNamespace(zero_gpu=True))
    spaces.config = config  # type: ignore[attr-defined]

    def startup() -> None:
        zero.started += 1

    inner.startup = startup  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    monkeypatch.setitem(sys.modules, "spaces.zero", inner)
    spec = importlib.util.spec_from_file_location("zero_gpu", SPACE / "zero_gpu.py")
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_a_job_is_the_same_on_a_gpu_that_comes_and_goes(
    module: types.ModuleType, zero: ZeroGpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tiny_pipeline()
    monkeypatch.setattr(MegActorPipeline, "from_preset", lambda *_, **__: pipe)
    runner = module.load("tiny")
    assert zero.started == 1
    portrait, driving = tmp_path / "p", write_clip(tmp_path / "talk.mp4", Clip(frames=5))
    Image.fromarray(np.full((96, 80, 3), 90, np.uint8)).save(portrait, format="PNG")
    folder = tmp_path / "job"
    folder.mkdir()
    inputs, names = {"portrait": portrait, "driving": driving}, {"portrait": "me.png", "driving": "talk.mp4"}
    report = Report()
    outcome = runner.run(Task(inputs, names, {"steps": 1, "size": 64}, folder), report)
    assert zero.calls == [module.GPU_SECONDS] and outcome.facts["frames"] == 5
    assert {"faces", "denoise", "write"} <= set(report.stages)
    pipe(portrait, driving, steps=1, size=64).save(tmp_path / "direct.mp4")
    ours, direct = (np.stack(list(VideoReader(path))) for path in (outcome.result, tmp_path / "direct.mp4"))
    np.testing.assert_array_equal(ours, direct)

    pipe._analyzer.found = False
    with pytest.raises(FaceError, match="portrait"):
        runner.run(Task(inputs, names, {}, folder), report)


def test_the_page_may_be_shown_by_the_hub_and_by_nobody_else(tmp_path: Path) -> None:
    pytest.importorskip("gradio", reason="Gradio is not installed")
    httpx = pytest.importorskip("httpx")
    from page_runner import SPEC

    spec = importlib.util.spec_from_file_location("space_app", SPACE / "app.py")
    assert spec is not None and spec.loader is not None
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    assert app.RUNNER.factory == "zero_gpu:load"
    server = app.page(tmp_path, SPEC, port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.url.rstrip('/').rsplit(':', 1)[1]}/"
        wait_until(lambda: server.started)
        for path in ("", "no-such-page"):
            policy = httpx.get(address + path).headers["content-security-policy"]
            assert "frame-ancestors https://huggingface.co" in policy and "'none'; frame" not in policy
    finally:
        server.stop()
        thread.join(PATIENCE)
    assert not thread.is_alive()


def test_what_the_hub_reads_of_the_folder() -> None:
    from huggingface_hub import SpaceCard

    card = SpaceCard((SPACE / "README.md").read_text(encoding="utf-8"))
    assert (card.data.sdk, card.data.app_file, card.data.license) == ("gradio", "app.py", "apache-2.0")
    assert len(card.data.to_dict()["short_description"]) <= 60
    named = {line.strip() for line in (SPACE / "requirements.txt").read_text().splitlines()}
    assert named == {"megactor[ui]", "spaces"}
