"""Progress: live bars in a terminal, few lines elsewhere."""

import io
import time

from megactor.cli.progress import PLAIN_INTERVAL, PlainProgress, progress_display


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_are_sparse_and_tell_the_time_left() -> None:
    now = 0.0
    stream = io.StringIO()
    report = PlainProgress(stream, clock=lambda: now)
    for done in range(101):
        report("denoise", done, 100)
        report("write", done // 2, 100)
        now += 0.25
    lines = stream.getvalue().splitlines()
    assert lines[0] == "denoising ..."
    assert lines[1] == "writing ..."
    assert lines[-1] == "denoising: 100 done in 25.0 s"
    between = lines[2:-1]
    assert len(between) == 25 // PLAIN_INTERVAL
    assert between[0] == "denoising: 40/100, about 15 s left"


def test_plain_lines_without_a_total() -> None:
    now = 0.0
    stream = io.StringIO()
    report = PlainProgress(stream, clock=lambda: now)
    report("faces", 0, None)
    now += PLAIN_INTERVAL
    report("faces", 250, None)
    report("faces", 251, 251)
    report("faces", 251, 251)
    assert stream.getvalue().splitlines() == [
        "reading faces ...",
        "reading faces: 250",
        "reading faces: 251 done in 10.0 s",
    ]


def test_a_file_gets_plain_lines() -> None:
    stream = io.StringIO()
    with progress_display(stream) as report:
        report("model", 0, 1)
    assert stream.getvalue() == "loading the model ...\n"


def test_a_terminal_gets_a_bar_for_each_stage(monkeypatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with progress_display(stream) as report:
        report("faces", 1, 2)
        report("denoise", 1, None)
        time.sleep(0.2)
        report("faces", 2, 2)
    text = stream.getvalue()
    assert "reading faces" in text
    assert "denoising" in text
    assert "100%" in text
