"""Every failure is one line and an exit code, and leaves nothing behind."""

from pathlib import Path

import pytest
from command_line import FakePipeline, Outcome, error_line, listing, megactor

from megactor.cli.failures import one_line
from megactor.errors import FaceError


@pytest.fixture
def fail(pipeline: FakePipeline, picture: Path, video: Path, tmp_path: Path):
    """Runs `animate`, with a pipeline that raises `error` in the middle; checks that no file is left."""

    def run(error: BaseException, *options: str) -> Outcome:
        pipeline.failure = error
        before = listing(tmp_path)
        outcome = megactor("animate", picture, video, "-o", tmp_path / "out.mp4", *options)
        assert listing(tmp_path) == before
        return outcome

    return run


def test_errors_for_the_user_are_printed_as_they_are(fail) -> None:
    line = error_line(fail(FaceError("no face in a.png: try another")))
    assert line == "error: no face in a.png: try another"


def test_ctrl_c(fail) -> None:
    assert error_line(fail(KeyboardInterrupt()), code=130) == "interrupted"


@pytest.mark.parametrize("error", [MemoryError(), type("OutOfMemoryError", (RuntimeError,), {})("CUDA ...")])
def test_out_of_memory(fail, error: Exception) -> None:
    line = error_line(fail(error))
    assert "out of memory" in line
    assert "--size" in line


def test_missing_system_library(fail) -> None:
    line = error_line(fail(ImportError("libGL.so.1: cannot open shared object file")))
    assert "apt install libgl1" in line


def test_unexpected_errors_hint_at_verbose(fail) -> None:
    line = error_line(fail(RuntimeError("shape mismatch\nin layer 3")))
    assert line.startswith("error: unexpected RuntimeError: shape mismatch in layer 3")
    assert "--verbose" in line


def test_verbose_shows_the_traceback(fail) -> None:
    outcome = fail(RuntimeError("shape mismatch"), "--verbose")
    assert outcome.code == 1
    assert "Traceback" in outcome.err
    assert outcome.err.splitlines()[-1] == "error: unexpected RuntimeError: shape mismatch"


def test_messages_cannot_steer_the_terminal() -> None:
    assert one_line("a\n b\x1b[31m\tc\u202e") == "a b?[31m c?"
