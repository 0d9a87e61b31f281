"""`megactor ui` around the page: options in, one line out, nothing left behind."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from command_line import FakePipeline, error_line, listing, megactor
from patience import PATIENCE

WATCHED = """
import sys
def watch(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple) or event == "socket.getaddrinfo":
        host = arguments[1][0] if event == "socket.connect" else arguments[0]
        if host not in ("127.0.0.1", "::1", "localhost"):
            print("asked for", host, file=sys.stderr, flush=True)
sys.addaudithook(watch)
from megactor.cli.main import main
main()
"""
"""The command, telling of every other host that it looks up or talks to."""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--host 0.0.0.0 --token 12345678 --allow-public", "contradict"),
        ("--host 0.0.0.0 --token short", "at least 8"),
        ("--host no.such.host.invalid --allow-public", "cannot listen at no.such.host.invalid"),
    ],
)
def test_impossible_options(words: str, message: str, pipeline: FakePipeline) -> None:
    assert message in error_line(megactor("ui", "--no-browser", "--port", 0, *words.split()))


def test_a_port_in_use(pipeline: FakePipeline) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        line = error_line(megactor("ui", "--no-browser", "--port", port))
    assert f"cannot listen at 127.0.0.1, port {port}" in line


def test_it_serves_until_ctrl_c_asks_nobody_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WATCHED, "ui", "--no-browser", "--port", "0", "--token", "let me in"]
    environment = os.environ | {"TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    )
    assert process.stdout is not None
    url = process.stdout.readline().split()[0]
    assert url.startswith("http://localhost:")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(url.split("?")[0])
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    assert b"One portrait performs your video" in opener.open(url).read()
    # the model is loaded behind the page
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert output.splitlines() == ["closed; uploads and results were deleted"]
    assert "Traceback" not in errors
    assert "asked for" not in errors
    assert listing(tmp_path) == set()
