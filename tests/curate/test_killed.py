"""Ray, the real one: driver and worker are killed with SIGKILL, and what comes out is what comes out undisturbed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from curate.raw_videos import demo_frames, save
from patience import wait_until
from process_family import family

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes by /proc")

OPTIONS = ["--size", "64", "--twins", "none", "--set", "least_side=100", "--set", "least_seconds=0.8"]
CLIPS = 6


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two files; one gives five clips, so that there is something to lose."""
    folder = tmp_path_factory.mktemp("videos")
    talk, faces = list(demo_frames("talk")), list(demo_frames("faces"))
    save(folder / "a.mp4", talk[:25] + faces[:25] + talk[25:] + faces[25:] + [f[:, ::-1] for f in talk[:25]])
    save(folder / "b.mp4", [frame[:, ::-1] for frame in faces[:25]])
    return folder


def command(videos, folder, *options):
    return [sys.executable, "-m", "megactor", "curate", str(videos), "-o", str(folder), *OPTIONS, *options]


def start(videos, folder):
    return subprocess.Popen(
        command(videos, folder, "--workers", "1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )


def records(folder):
    """Finished clips, by what the run itself noted."""
    return list(folder.glob(".work/clips/*/*.json"))


def workers(process):
    return [number for number, name in family(process.pid).items() if name.startswith("ray::Map")]


def shards(folder):
    return {path.name: path.read_bytes() for path in folder.glob("clips-*.tar")}


def test_killed_runs_lose_nothing_and_do_nothing_twice(videos, tmp_path, inline):
    from command_line import megactor

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert megactor("curate", videos, "-o", whole, *OPTIONS).code == 0
    assert len(records(whole)) == CLIPS

    driver = start(videos, killed)
    wait_until(lambda: any(killed.glob(".work/attempts/*")) and records(killed) and workers(driver), driver)
    finished, victim = len(records(killed)), workers(driver)[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(records(killed)) > finished + 1, driver)  # another process took over
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    done = {path.name: path.stat().st_mtime_ns for path in records(killed)}
    assert len(done) < CLIPS and not shards(killed)

    # its workers may live for a second or two: the next run does not wait for them
    outcome = megactor("curate", videos, "-o", killed, *OPTIONS)
    assert outcome.code == 0 and f"{CLIPS} clips" in outcome.out
    assert {path.name: path.stat().st_mtime_ns for path in records(killed) if path.name in done} == done
    assert shards(killed) == shards(whole)
    reasons = [json.loads(path.read_text())["reason"] for path in records(killed)]
    assert reasons == [None] * CLIPS
