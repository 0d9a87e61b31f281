"""Errors of ours while clips are worked on: said with an example, and no success where most clips meet one."""

import pytest
from command_line import error_line, listing, megactor
from curate.raw_videos import demo_frames, save

from megactor.compute.cluster import started_ray
from megactor.curate.failures import ENOUGH, FailureCount
from megactor.curate.run import _drain
from megactor.curate.work import curate_clip
from megactor.errors import MegActorError

OPTIONS = ["--size", 64, "--twins", "none", "--set", "least_side=100", "--set", "least_seconds=0.8"]


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    for number, name in enumerate(("talk", "faces")):
        save(folder / f"{name}.mp4", list(demo_frames(name)[:25]))
        save(folder / f"mirrored{number}.mp4", [frame[:, ::-1] for frame in demo_frames(name)[:25]])
    return folder


def fail_in(monkeypatch, names):
    def curate(plan, *arguments):
        if any(name in plan.source.name for name in names):
            raise ZeroDivisionError(f"row {plan.first + len(plan.source.name)}\nis too long")
        return curate_clip(plan, *arguments)

    monkeypatch.setattr("megactor.curate.work.curate_clip", curate)


def test_one_failure_of_several_is_told_with_its_error(videos, tmp_path, inline, monkeypatch):
    fail_in(monkeypatch, ["talk"])
    outcome = megactor("curate", videos, "-o", tmp_path / "out", *OPTIONS)
    assert outcome.code == 0, outcome
    assert "  failed: 1, such as videos/talk.mp4: ZeroDivisionError: row 15 is too long\n" in outcome.out + "\n"


def test_most_clips_failing_alike_is_a_failure_of_the_run(videos, tmp_path, inline, monkeypatch):
    fail_in(monkeypatch, ["mirrored", "talk"])
    out = tmp_path / "out"
    line = error_line(megactor("curate", videos, "-o", out, *OPTIONS))
    assert line.startswith("error: 3 of 4 failed for the same cause") and "ZeroDivisionError: row" in line
    assert {"clips-000000.tar", "index.parquet", "report.html"} <= listing(out)  # what is good is there


def test_the_next_run_tries_failed_clips_again(videos, tmp_path, inline, monkeypatch):
    fail_in(monkeypatch, [""])
    assert megactor("curate", videos, "-o", tmp_path / "out", *OPTIONS).code == 1
    monkeypatch.setattr("megactor.curate.work.curate_clip", curate_clip)
    outcome = megactor("curate", videos, "-o", tmp_path / "out", *OPTIONS)
    assert outcome.code == 0 and "4 clips in 1 shards, 0 dropped" in outcome.out


def rows(count, reason="failed"):
    for number in range(count):
        yield {"name": f"{number}.mp4", "reason": reason, "detail": f"error {number}", "fatal": ""}


def test_a_long_run_stops_once_it_is_clear():
    came = []
    with pytest.raises(MegActorError, match=r"0\.mp4: error 0; stopped"):
        _drain(rows(10 * ENOUGH), "clips", 0, 10 * ENOUGH, lambda *done: came.append(done))
    assert len(came) == 1 + ENOUGH


def test_failures_that_are_the_minority_stop_nothing():
    _drain(rows(2 * ENOUGH), "clips", 3 * ENOUGH, 5 * ENOUGH, lambda *_: None)
    _drain(rows(2 * ENOUGH, "blurred"), "clips", 0, 2 * ENOUGH, lambda *_: None)


def test_causes_are_told_apart():
    count = FailureCount()
    for name, detail in (("a", "size 3"), ("b", "no such thing"), ("c", "size 4")):
        count.add(name, detail)
    assert count.most().count == 2 and count.most().example == "a: size 3"
    assert count.most().most_of(3) and not count.most().most_of(4)


def test_ray_that_does_not_start_is_no_unexpected_error(monkeypatch):
    import ray

    def late(**_):
        raise Exception("The current node timed out during startup. This could happen because of anything.")

    monkeypatch.setattr(ray, "init", late)
    with pytest.raises(MegActorError, match=r"Ray did not start \(The current node timed out"), started_ray(None, 1):
        pass
