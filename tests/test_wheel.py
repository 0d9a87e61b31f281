"""The wheel alone, in a virtual environment of its own: everything that `megactor demo` needs is inside."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from patience import PATIENCE

from megactor.media.reader import VideoReader

ROOT = Path(__file__).parents[1]
LARGEST = 80e6


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """A bare environment with the wheel; the dependencies are those that are installed already."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    assert wheel.stat().st_size < LARGEST
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-compile", "--target", site, wheel], check=True, capture_output=True
    )
    # a plain path: the editable installation beside the dependencies stays unknown
    outer = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "dependencies.pth").write_text(f"{outer}\n")
    return folder / "venv"


def test_the_demo_runs_from_the_wheel(environment, tmp_path):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [environment / "bin" / "python", "-m", "megactor", "demo", "--size", "64", "--device", "cpu"]
    finished = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=PATIENCE)
    assert finished.returncode == 0, finished.stderr
    frames = list(VideoReader(tmp_path / "out" / "demo.mp4"))
    assert len(frames) == 100 and frames[0].shape == (64, 192, 3)
    where = [environment / "bin" / "python", "-c", "import megactor; print(megactor.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=clean, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).is_relative_to(environment)
