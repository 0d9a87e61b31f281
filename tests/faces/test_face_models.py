"""Where face models are looked for, and how they come; nothing here asks a network."""

import hashlib
import stat
import sys
import zipfile
from pathlib import Path

import pytest

from megactor.errors import ModelError
from megactor.faces import analyzer
from megactor.faces import face_models as under_test
from megactor.faces.face_models import PLACE_VARIABLE, WHEEL, face_models

PYTHON = sys.executable
CONTENTS = {"mediapipe/modules/a/near.tflite": b"near", "mediapipe/modules/b/mesh.tflite": b"mesh"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two small files in place of the networks, no mediapipe, and an empty cache."""
    sums = {path: hashlib.sha256(content).hexdigest() for path, content in CONTENTS.items()}
    monkeypatch.setattr(under_test, "FILES", sums)
    monkeypatch.setattr(under_test, "_installed", lambda: None)
    monkeypatch.setattr(under_test, "cache_folder", lambda: tmp_path / "cache" / "models")
    monkeypatch.delenv(PLACE_VARIABLE, raising=False)
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
    assert told == [("download", 0, 36), ("download", 0, 36), ("download", 36, 36)]
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


BROKEN = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)'"


@pytest.mark.parametrize(
    "says, words",
    [
        (["ERROR: no space left on device"], "no space left on device"),
        ([BROKEN, "ERROR: No matching distribution found"], "no connection to the package index"),
    ],
)
def test_without_a_network_one_line_says_what_to_put_where(tmp_path, cache, monkeypatch, says, words):
    told: list[tuple[str, int, int]] = []
    pip_that(f"print({chr(10).join(says)!r}); sys.exit(1)", tmp_path, monkeypatch)
    with pytest.raises(ModelError) as error:
        face_models(lambda *step: told.append(step))
    line = str(error.value)
    assert words in line and WHEEL in line and PLACE_VARIABLE in line and "\n" not in line
    assert "No matching distribution" not in line and told == [("download", 0, 36)]
    assert not cache.exists()


def test_the_command_that_the_message_names_fetches_the_wheel_that_it_names():
    command, wheel = under_test._BY_HAND.split(), WHEEL.removesuffix(".whl").split("-")
    assert command[:2] == ["pip", "download"] and command[-1] == f"mediapipe=={wheel[1]}"
    assert f"--platform={wheel[-1]}" in command and "--python-version=3.12" in command and wheel[2] == "cp312"


@pytest.mark.parametrize(
    "has_mediapipe, words",
    [(True, "`pip install ai-edge-litert`, or unset"), (False, "install megactor")],
)
def test_a_missing_library_is_named_with_what_helps(tmp_path, monkeypatch, has_mediapipe, words):
    monkeypatch.setenv(PLACE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(analyzer, "HAS_MEDIAPIPE", has_mediapipe)
    for name in [name for name in sys.modules if name.startswith("megactor.faces.litert")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(ModelError, match=f"needs ai-edge-litert, which cannot be imported .*: {words}"):
        analyzer.create_analyzer()


@pytest.mark.parametrize("named", ["the folder", "the wheel", "from home"])
def test_a_wheel_that_someone_brought(tmp_path, cache, monkeypatch, named):
    folder = tmp_path / "brought"
    folder.mkdir()
    wheel = write_wheel(folder / WHEEL, CONTENTS)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    place = {"the folder": str(folder), "the wheel": str(wheel), "from home": "~/brought"}[named]
    monkeypatch.setenv(PLACE_VARIABLE, place)
    assert {path.parent for path in face_models().values()} == {cache}
    for path, content in CONTENTS.items():
        (folder / Path(path).name).write_bytes(content)
    assert {path.parent for path in face_models().values()} == {cache if named == "the wheel" else folder}


@pytest.mark.parametrize(
    "files, words",
    [
        (None, "which is not there"),
        ({"near.tflite": b"near"}, "where face models are missing"),
        ({"near.tflite": b"near", "mesh.tflite": b"other"}, "where a face model is damaged"),
    ],
)
def test_a_place_without_them(tmp_path, cache, monkeypatch, files, words):
    folder = tmp_path / "brought"
    monkeypatch.setenv(PLACE_VARIABLE, str(folder))
    if files is not None:
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
    with pytest.raises(ModelError) as error:
        face_models()
    line = str(error.value)
    assert f"{PLACE_VARIABLE} is {folder}, {words}: name {WHEEL}" in line and "near.tflite, mesh.tflite" in line


def test_a_cache_that_cannot_be_written_is_no_dead_end(tmp_path, cache, monkeypatch):
    cache.parent.write_bytes(b"")
    monkeypatch.setenv(PLACE_VARIABLE, str(write_wheel(tmp_path / WHEEL, CONTENTS)))
    with pytest.raises(ModelError, match=r"cannot be kept in .* unzip the \.tflite files .* set MEGACTOR_FACES to it"):
        face_models()


@pytest.mark.parametrize(
    "contents, words", [({}, "is damaged"), (dict.fromkeys(CONTENTS, b"other"), "another checksum")]
)
def test_another_wheel_is_not_taken(tmp_path, cache, monkeypatch, contents, words):
    write_wheel(tmp_path / WHEEL, contents)
    monkeypatch.setenv(PLACE_VARIABLE, str(tmp_path))
    with pytest.raises(ModelError, match=words):
        face_models()
    assert not cache.exists()
