"""Visits and files: found by their key or address, and gone when they should be."""

import io
import time
from pathlib import Path

import pytest

from megactor.errors import InputError
from megactor.jobs import Contents, Input, JobLimits, Queue, Visits
from megactor.jobs.contents import plain_name
from megactor.jobs.database import NAME, Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path)


@pytest.fixture
def visits(database: Database) -> Visits:
    return Visits(database, Queue(database, JobLimits()))


@pytest.fixture
def contents(database: Database) -> Contents:
    return Contents(database)


def test_a_visit_comes_back_by_its_key(visits: Visits, contents: Contents, database: Database) -> None:
    key, visit = visits.begin()
    face = contents.add(io.BytesIO(b"face"), "me.jpg")
    before = visits.fingerprint(visit)
    visits.put(visit, {"portrait": (face, {"faces": 2}), "driving": None})
    assert visits.fingerprint(visit) != before
    visits.remember(visit, {"face": 1})
    again = visits.of_key(key)
    assert again is not None
    assert (again.inputs, again.facts, again.state) == ({"portrait": face}, {"portrait": {"faces": 2}}, {"face": 1})
    assert again.version > visit.version
    assert visits.of_address(visit.address) == again
    for wrong in (visit.id, visit.address, "", key[:-1]):
        assert visits.of_key(wrong) is None
    for wrong in (visit.id, key, ""):
        assert visits.of_address(wrong) is None
    stored = b"".join(path.read_bytes() for path in database.folder.glob(f"{NAME}*"))
    assert key.encode() not in stored


def test_clear_deletes_what_nobody_else_has(visits: Visits, contents: Contents, database: Database) -> None:
    queue = Queue(database, JobLimits())
    (_, one), (_, two) = visits.begin(), visits.begin()
    own, shared = contents.add(io.BytesIO(b"own"), "a"), contents.add(io.BytesIO(b"shared"), "b")
    for visit, given in ((one, own), (two, shared)):
        visits.put(visit, {"portrait": (given, {})})
    visits.put(one, {"driving": (shared, {})})
    job = queue.submit({"portrait": own}, {}, caller=one.caller)
    visits.clear(one)
    contents.sweep()
    assert queue.get(job.id) is None
    assert not contents.path(own.content).exists()
    assert contents.path(shared.content).read_bytes() == b"shared"
    with pytest.raises(InputError, match="not here any more"):
        visits.put(two, {"driving": (own, {})})
    with pytest.raises(InputError, match="cleared"):
        visits.put(one, {})
    with pytest.raises(InputError, match="not here any more"):
        queue.submit({"portrait": Input("0" * 64, "a.jpg")}, {})


def test_visits_go_after_a_time_unless_something_runs(visits: Visits, database: Database) -> None:
    queue = Queue(database, JobLimits())
    (idle, _), (busy, at_work), (seen, _) = visits.begin(), visits.begin(), visits.begin()
    queue.submit({}, {}, caller=at_work.caller)
    with database.writing() as change:
        change.execute("UPDATE visits SET seen = ?", (time.time() - 100,))
    assert visits.of_key(seen) is not None
    visits.sweep(90)
    assert [visits.of_key(key) is not None for key in (idle, busy, seen)] == [False, True, True]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("me.jpg", "me.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\Zoë\\me.jpg", "me.jpg"),
        ("a\nb\x1b[31m.png", "a b?[31m.png"),
        ("..", "file"),
        ("", "file"),
        ("x" * 200 + ".jpeg", "x" * 95 + ".jpeg"),
        ("é" * 200 + ".mp4", "é" * 48 + ".mp4"),
    ],
)
def test_names(given: str, kept: str) -> None:
    assert plain_name(given) == kept
    assert len(plain_name(given).encode()) <= 100
