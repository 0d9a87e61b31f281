"""The engine with real worker processes, over a task of milliseconds."""

import contextlib
import io
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import stub_runner
from patience import PATIENCE, wait_until

from megactor.errors import InputError
from megactor.jobs import CallerBusy, Engine, Job, JobLimits, KeyReused, QueueFull, RunnerSpec, TooLarge
from megactor.jobs.claims import MAX_DEATHS
from megactor.jobs.contents import Contents
from megactor.jobs.database import Database
from megactor.jobs.queue import Queue

KILLS = 50


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    limits = JobLimits(bytes=1000, jobs=4, jobs_of_caller=3)
    with Engine(tmp_path_factory.mktemp("engine"), stub_runner.SPEC, limits=limits) as engine:
        yield engine


def submit(engine: Engine, text: str = "words", caller: str = "me", key: str | None = None, **options: object) -> Job:
    given = engine.contents.add(io.BytesIO(text.encode()), "../a/file.txt")
    return engine.queue.submit({"file": given}, options, caller=caller, key=key)


def until(engine: Engine, job: Job, *states: str) -> Job:
    end = time.monotonic() + PATIENCE
    while job.state not in states:
        assert time.monotonic() < end, job
        job = engine.queue.wait(job.id, job.version, 1)
    return job


def ended(engine: Engine, job: Job) -> Job:
    return until(engine, job, "done", "failed", "canceled")


def test_a_job_is_done_and_told_of(engine: Engine, tmp_path: Path) -> None:
    # each stage waits until it was seen: who looks now and then, on a busy machine, may miss what lasts a moment
    job = submit(engine, parts=4, seconds=0.3, pauses=str(tmp_path))
    seen = [job]
    while not job.over:
        job = engine.queue.wait(job.id, job.version)
        seen.append(job)
        if job.progress.done == job.progress.total:
            (tmp_path / job.progress.stage).touch()
    assert job.result is not None
    assert (job.state, job.result.name, job.result.read_text(), job.facts) == (
        "done",
        "result.txt",
        "words",
        {"length": 5},
    )
    assert job.inputs["file"].name == "file.txt"
    assert job.submitted <= (job.started or 0) <= (job.ended or 0)
    assert [job.version for job in seen] == sorted({job.version for job in seen})
    assert {job.progress.stage for job in seen} >= {"look", "draw"}
    shares = [job.progress.share for job in seen if job.state == "running"]
    assert shares == sorted(shares)
    assert shares[-1] > 0.5


def test_the_same_file_is_kept_once(engine: Engine) -> None:
    first, second = submit(engine, "twice"), submit(engine, "twice", parts=1)
    assert first.inputs == second.inputs
    for job in (first, second):
        assert ended(engine, job).state == "done"
    assert engine.contents.path(first.inputs["file"].content).read_text() == "twice"


def test_limits(engine: Engine) -> None:
    with pytest.raises(TooLarge, match=r"file\.txt is larger than"):
        submit(engine, "x" * 1001)
    assert list(engine.contents.path("").glob("*.part")) == []
    running = [submit(engine, seconds=5) for _ in range(3)]
    with pytest.raises(CallerBusy, match="3 animations of yours"):
        submit(engine)
    running.append(submit(engine, caller="another"))
    assert [engine.queue.ahead_of(job) for job in running] == [0, 1, 2, 3]
    with pytest.raises(QueueFull, match="4 animations are running or waiting"):
        submit(engine, caller="a third")
    for job in running:
        engine.queue.cancel(job.id)
    assert ended(engine, submit(engine)).state == "done"


def test_an_idempotency_key_gives_one_job(engine: Engine) -> None:
    first = submit(engine, key="k", parts=2)
    assert submit(engine, key="k", parts=2).id == first.id
    assert submit(engine, key="k", parts=2, caller="another").id != first.id
    with pytest.raises(KeyReused):
        submit(engine, key="k", parts=3)
    assert ended(engine, first).state == "done"
    assert submit(engine, key="k", parts=2).state == "done"


@pytest.mark.parametrize(
    "options", [{"seconds": 0.1, "parts": 100}, {"seconds": 9.0, "deaf": True}], ids=["it", "deaf"]
)
def test_canceling_takes_less_than_a_second_in_every_state(engine: Engine, options: dict[str, object]) -> None:
    running, waiting = submit(engine, **options), submit(engine)
    next_one = submit(engine, caller="another")
    until(engine, running, "running")
    for job in (waiting, running):
        began = time.monotonic()
        engine.queue.cancel(job.id)
        assert ended(engine, job).state == "canceled"
        assert time.monotonic() - began < 1
    # also where the worker has to be replaced
    done = ended(engine, next_one)
    assert (done.state, done.attempt) == ("done", 1)
    engine.queue.cancel(done.id)
    assert engine.queue.get(done.id) == done
    assert not running.preview.parent.exists()


def test_a_failure_is_one_line_without_our_folders(engine: Engine) -> None:
    job = ended(engine, submit(engine, fail=True))
    assert (job.state, job.error_kind) == ("failed", "ValueError")
    assert job.error == "unexpected ValueError: no good: file.txt at all"
    assert job.result is None


def test_a_job_that_kills_its_worker_is_run_again_twice(engine: Engine) -> None:
    job = ended(engine, submit(engine, die=True))
    assert (job.state, job.error_kind, job.deaths, job.attempt) == ("failed", "WorkerDied", MAX_DEATHS, 3)
    assert "SIGKILL" in job.error
    assert ended(engine, submit(engine)).state == "done"


def test_deleted_jobs_leave_nothing(engine: Engine) -> None:
    job = ended(engine, submit(engine, "to be deleted"))
    assert job.result is not None and job.result.exists()
    engine.queue.delete(job.id)
    assert engine.queue.get(job.id) is None
    assert not job.result.exists()
    with pytest.raises(InputError, match="no such job"):
        engine.queue.wait(job.id, 0)


def test_one_engine_a_folder(engine: Engine) -> None:
    with pytest.raises(InputError, match="another server is at work"):
        Engine(engine.folder, stub_runner.SPEC)


def test_a_runner_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with Engine(tmp_path, RunnerSpec("stub_runner:make", {"failing": "weights are missing"})) as engine:
        job = ended(engine, submit(engine))
        assert (job.state, job.error) == ("failed", "weights are missing")
        assert (engine.state, engine.failure) == ("failed", "weights are missing")


def test_files_go_after_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Engine(tmp_path, stub_runner.SPEC, keep=0.2) as engine:
        job = ended(engine, submit(engine))
        monkeypatch.setattr("megactor.jobs.contents.GRACE", 0.0)
        content = engine.contents.path(job.inputs["file"].content)
        assert content.exists() and job.result is not None
        time.sleep(0.3)
        engine.sweep()
        assert engine.queue.get(job.id) is None
        assert not content.exists() and not job.result.exists()


def test_kill_9_of_server_or_worker_loses_no_job_and_ends_none_twice(tmp_path: Path) -> None:
    """Fifty times, at any moment; jobs are accepted all the while."""
    limits = JobLimits(jobs=0, jobs_of_caller=0)
    database = Database(tmp_path)
    queue, contents = Queue(database, limits), Contents(database)
    with database.writing() as change:
        change.execute("CREATE TABLE ends (id TEXT, state TEXT)")
        change.execute(
            "CREATE TRIGGER ends AFTER UPDATE OF state ON jobs WHEN NEW.state IN ('done', 'failed')"
            " BEGIN INSERT INTO ends VALUES (NEW.id, NEW.state); END"
        )
    chance = random.Random(21)
    accepted: list[str] = []
    server = _server(tmp_path)
    for kill in range(KILLS):
        for number in range(3):
            given = contents.add(io.BytesIO(f"{kill} {number}".encode()), "file.txt")
            options = {"parts": chance.randrange(1, 60), "kill": kill, "number": number}
            accepted.append(queue.submit({"file": given}, options).id)
        if kill % 2:  # every other time while a job runs
            _until_one_runs(queue)
        time.sleep(chance.uniform(0, 0.05))
        workers = [int(word) for word in _last_line(server).split()]
        if kill % 5 == 4:
            server.kill()
            server.wait()
            server = _server(tmp_path)
        else:
            _kill(chance.choice(workers))
    wait_until(lambda: all((queue.get(name) or pytest.fail("lost")).over for name in accepted))
    server.kill()
    server.wait()
    ends = [tuple(row) for row in database.rows("SELECT id, state FROM ends")]
    assert sorted(name for name, _ in ends) == sorted(accepted)
    jobs = [job for name in accepted if (job := queue.get(name)) is not None]
    assert any(job.attempt > 1 for job in jobs), "the kills met nothing"
    for job in jobs:
        if job.state == "failed":  # three of the kills met the same job
            assert job.deaths == MAX_DEATHS
        else:
            assert job.result is not None
            assert job.result.read_text() == f"{job.options['kill']} {job.options['number']}"


def _server(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, stub_runner.__file__, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _until_one_runs(queue: Queue) -> None:
    wait_until(lambda: queue.counts().get("running"), pause=0.005)


def _last_line(server: subprocess.Popen[str]) -> str:
    """What the server says now: it says it every 20 ms."""
    assert server.stdout is not None
    line = server.stdout.readline()
    os.set_blocking(server.stdout.fileno(), False)
    while newer := server.stdout.readline():
        line = newer
    os.set_blocking(server.stdout.fileno(), True)
    assert line, "the server ended by itself"
    return line


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
