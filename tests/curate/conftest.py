"""Raw videos, and a way to run curation without Ray: the same workers, called one after the other."""

import contextlib

import pytest
from curate.raw_videos import write_raw


@pytest.fixture(scope="session")
def raw(tmp_path_factory):
    return write_raw(tmp_path_factory.mktemp("videos") / "raw")


@contextlib.contextmanager
def no_ray(address, workers):
    yield 1


def in_this_process(worker, arguments, jobs, workers):
    made = worker(**arguments) if jobs else None
    for job in jobs:
        yield made({"job": job})


@pytest.fixture(scope="session")
def inline():
    patch = pytest.MonkeyPatch()
    patch.setattr("megactor.curate.run.started_ray", no_ray)
    patch.setattr("megactor.curate.run.run_workers", in_this_process)
    yield
    patch.undo()
