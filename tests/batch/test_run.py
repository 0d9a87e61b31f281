"""`megactor batch`: what comes out, what goes on, and what one bad pair or a killed process does to the others."""

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from command_line import error_line, listing, megactor
from media_samples import Clip, write_clip
from PIL import Image
from tiny_model import tiny_pipeline

from megactor.batch import run as batch_run
from megactor.batch import work as batch_work
from megactor.batch.store import ATTEMPTS, Store
from megactor.media.reader import VideoReader

pytest.importorskip("ray", reason="Ray is not installed")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two portraits, a driving video, and a list of four pairs of which one is bad and one has a senseless option."""
    folder = tmp_path_factory.mktemp("inputs")
    for name in ("me", "you"):
        Image.fromarray(np.full((80, 80, 3), len(name) * 40, np.uint8)).save(folder / f"{name}.png")
    write_clip(folder / "talk.mp4", Clip(frames=3))
    (folder / "list.csv").write_text(
        "portrait,driving,steps,output\nme.png,talk.mp4,,\nnobody.png,talk.mp4,,\nyou.png,talk.mp4,0,\n"
        "you.png,talk.mp4,1,last.gif\n"
    )
    return folder


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The run's worker is this process, with a tiny model; gives the outputs that were begun."""
    pipe, begun = tiny_pipeline(), []

    @contextmanager
    def started(address: str | None, workers: int) -> Iterator[int]:
        yield 1

    def run(worker, arguments, jobs, workers, gpus):
        caller = worker(**arguments)
        for job in jobs:
            begun.append(job["output"])
            yield caller({"job": job})

    monkeypatch.setattr(batch_run, "started_ray", started)
    monkeypatch.setattr(batch_run, "run_workers", run)
    monkeypatch.setattr(batch_run, "_gpus", lambda device: 0)
    monkeypatch.setattr(batch_work.MegActorPipeline, "from_preset", lambda *_, **__: pipe)
    return begun


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "index.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_bad_pairs_stop_no_other_and_are_tried_again(inputs: Path, tmp_path: Path, here: list[str]) -> None:
    out = tmp_path / "out"
    line = error_line(megactor("batch", inputs / "list.csv", "-o", out))
    assert line == (
        f"error: 2 of 4 pairs failed, such as row 2: image not found: {inputs / 'nobody.png'}; check the path; "
        f"2 are done, see {out / 'index.csv'}"
    )
    rows = table(out)
    assert [row["state"] for row in rows] == ["done", "failed", "failed", "done"]
    assert "steps is 0" in rows[2]["error"] and (rows[3]["frames"], rows[3]["width"]) == ("3", "64")
    assert len(list(VideoReader(out / "000001-me-talk.mp4"))) == len(list(VideoReader(out / "last.gif"))) == 3
    assert {name for name in listing(out) if "/" not in name} == {
        *("000001-me-talk.mp4", "last.gif", "index.csv", "batch.json")
    }

    here.clear()
    megactor("batch", inputs / "list.csv", "-o", out)
    assert here == ["000002-nobody-talk.mp4", "000003-you-talk.mp4"]
    (out / "last.gif").unlink()
    os.utime(inputs / "me.png")  # another picture
    here.clear()
    megactor("batch", inputs / "list.csv", "-o", out)
    assert here[0] == "000001-me-talk.mp4" and here[-1] == "last.gif"

    assert "holds clips of model nano, not other" in error_line(
        megactor("batch", inputs / "list.csv", "-o", out, "--model", "other")
    )
    assert "not a folder of batch" in error_line(megactor("batch", inputs / "list.csv", "-o", inputs))


def test_a_stopped_run_tells_what_is_there(
    inputs: Path, tmp_path: Path, here: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Store.write

    def interrupted(store: Store, pair, record) -> None:
        write(store, pair, record)
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "write", interrupted)
    assert megactor("batch", inputs / "list.csv", "-o", tmp_path / "out").code != 0
    assert [row["state"] for row in table(tmp_path / "out")] == ["done", "waiting", "waiting", "waiting"]


def test_what_keeps_every_pair_from_being_made_stops_the_run(
    inputs: Path, tmp_path: Path, here: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("megactor.media.h264.H264Writer.write", full)
    assert "disk full" in error_line(megactor("batch", inputs / "list.csv", "-o", tmp_path / "out"))
    assert here == ["000001-me-talk.mp4"]


def test_a_pair_over_which_processes_die_is_given_up(inputs: Path, tmp_path: Path, here: list[str]) -> None:
    begin = Store.begin
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "begin", lambda store, pair: ATTEMPTS + (pair.number == 1))
        megactor("batch", inputs / "list.csv", "-o", tmp_path / "out")
    assert Store.begin is begin
    rows = table(tmp_path / "out")
    assert f"died {ATTEMPTS} times" in rows[0]["error"] and rows[3]["state"] == "done"
