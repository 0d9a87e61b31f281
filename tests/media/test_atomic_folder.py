"""Folders that appear complete or not at all."""

import os
import subprocess
import sys

import pytest

from megactor.errors import OutputError
from megactor.media import leftovers
from megactor.media.atomic import atomic_folder


def test_it_appears_with_everything_and_takes_the_place_of_the_one_before(tmp_path):
    target = tmp_path / "runs" / "model"
    for words in ("first", "second"):
        with atomic_folder(target) as folder:
            assert folder.parent == target.parent and not list(folder.iterdir())
            (folder / "part").mkdir()
            (folder / "part" / "weights").write_text(words)
            (folder / words).touch()
        assert (target / "part" / "weights").read_text() == words
    assert {path.name for path in target.iterdir()} == {"part", "second"}
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_fails_leaves_all_as_it_was(tmp_path, error):
    target = tmp_path / "model"
    with atomic_folder(target) as folder:
        (folder / "a").touch()
    with pytest.raises(error), atomic_folder(target) as folder:
        (folder / "b").touch()
        raise error
    assert [path.name for path in target.iterdir()] == ["a"] and list(tmp_path.iterdir()) == [target]


def test_permissions_are_the_users_whatever_a_library_gave(tmp_path):
    before = os.umask(0o027)
    try:
        with atomic_folder(tmp_path / "model") as folder:
            (folder / "part").mkdir()
            os.close(os.open(folder / "part" / "weights", os.O_CREAT | os.O_WRONLY, 0o600))
    finally:
        os.umask(before)
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "model", *sorted((tmp_path / "model").rglob("*")))]
    assert modes == [0o750, 0o750, 0o640]


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path, monkeypatch):
    code = "import os; from pathlib import Path; from megactor.media.atomic import atomic_folder\n"
    code += f"with atomic_folder(Path({str(tmp_path / 'model')!r})) as folder:\n"
    code += "    (folder / 'a').touch(); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(leftovers, "_seen", set())
    with atomic_folder(tmp_path / "other"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"), atomic_folder(tmp_path / "file" / "model"):
        pass
