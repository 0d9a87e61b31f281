"""One run a folder, whoever dies."""

import fcntl
import os
import subprocess
import sys

import pytest

from megactor.errors import InputError, OutputError
from megactor.media.lock import LOCK, locked


def test_nobody_else_gets_in_and_nothing_is_left(tmp_path):
    with locked(tmp_path):
        with pytest.raises(InputError, match="another run is at work"), locked(tmp_path):
            pass
        with pytest.raises(InputError, match="another run is at work"), locked(tmp_path):
            pass
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path):
        pass


def test_a_killed_holder_keeps_nobody_out(tmp_path):
    code = "import sys; from pathlib import Path; from megactor.media.lock import locked\n"
    code += f"with locked(Path({str(tmp_path)!r})):\n print('mine', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"mine\n"
        with pytest.raises(InputError), locked(tmp_path):
            pass
        holder.kill()
    assert (tmp_path / LOCK).exists()
    with locked(tmp_path):
        pass


def test_a_lock_that_was_let_go_in_between_is_taken_anew(tmp_path, monkeypatch):
    flock, taken = fcntl.flock, []

    def late(descriptor, how):
        if not taken:
            (tmp_path / LOCK).unlink()  # by the holder before, who ends
        taken.append(descriptor)
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with locked(tmp_path):
        assert len(taken) == 2 and (tmp_path / LOCK).exists()


def test_network_file_systems_lock_what_can_be_written(tmp_path, monkeypatch):
    flock = fcntl.flock

    def of_nfs(descriptor, how):
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(9, "Bad file descriptor")
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", of_nfs)
    with locked(tmp_path), pytest.raises(InputError), locked(tmp_path):
        pass


def test_file_systems_without_locks_keep_nobody_out(tmp_path, monkeypatch):
    def of_lustre(descriptor, how):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", of_lustre)
    with locked(tmp_path), locked(tmp_path):
        pass


def test_without_fcntl_as_on_windows(tmp_path, monkeypatch):
    import filelock  # which looks for fcntl now, not below

    monkeypatch.setitem(sys.modules, "fcntl", None)
    with locked(tmp_path), pytest.raises(InputError, match="another run is at work"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass
    assert filelock.FileLock is not None
    with pytest.raises(OutputError), locked(tmp_path / "none"):
        pass


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OutputError), locked(tmp_path / "none"):
        pass
