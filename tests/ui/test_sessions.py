"""Visitors' files: reachable only by their address, gone with the visitor."""

from pathlib import Path

import pytest

from megactor.errors import InputError
from megactor.ui.sessions import Session, Sessions


class Clock:
    """Seconds that pass when the test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(tmp_path: Path, clock: Clock) -> Sessions:
    (tmp_path / "sessions").mkdir()
    return Sessions(tmp_path / "sessions", grace=60, clock=clock)


def adopted(sessions: Sessions, session: Session, folder: Path, name: str = "me.jpg") -> tuple[Path, Path]:
    upload = folder / name
    upload.write_bytes(b"picture")
    return upload, sessions.adopt(session, upload)


def test_a_visitor_keeps_files_until_the_grace_is_over(sessions: Sessions, clock: Clock, tmp_path: Path) -> None:
    session = sessions.get("one")
    upload, own = adopted(sessions, session, tmp_path)
    assert sessions.get("one") is session
    clock.now += 59
    sessions.sweep()
    assert upload.exists()
    clock.now += 1
    sessions.sweep()
    assert not upload.exists()
    assert own.read_bytes() == b"picture"

    sessions.leave("one")
    clock.now += 59
    sessions.sweep()
    assert own.exists()
    assert sessions.get("one") is session  # a phone that comes back
    clock.now += 1000
    sessions.sweep()
    assert own.exists()

    sessions.leave("one")
    clock.now += 60
    sessions.sweep()
    assert list((tmp_path / "sessions").iterdir()) == []


def test_the_same_picture_by_another_visitor_is_not_swept_with_the_first(
    sessions: Sessions, clock: Clock, tmp_path: Path
) -> None:
    upload, _ = adopted(sessions, sessions.get("one"), tmp_path)
    again = tmp_path / "again"
    again.write_bytes(b"picture")
    again.rename(upload)  # as the server does: an upload lies where its content says
    clock.now += 60
    sessions.sweep()
    assert sessions.adopt(sessions.get("two"), upload).read_bytes() == b"picture"
    clock.now += 60
    sessions.sweep()
    assert not upload.exists()


def test_an_upload_that_nobody_came_for_is_swept_later(sessions: Sessions, clock: Clock, tmp_path: Path) -> None:
    upload, _ = adopted(sessions, sessions.get("one"), tmp_path)
    (tmp_path / "again").write_bytes(b"picture")
    (tmp_path / "again").rename(upload)
    for left in (True, False):
        clock.now += 60
        sessions.sweep()
        assert upload.exists() == left


def test_addresses(sessions: Sessions, tmp_path: Path) -> None:
    one, other = sessions.get("one"), sessions.get("other")
    _, own = adopted(sessions, one, tmp_path, "Zoë's face #1.jpg")
    url = one.url(own)
    assert url.startswith(f"/media/{one.key}/")
    assert " " not in url
    assert "#" not in url
    folder, name = own.parent.name, own.name
    assert sessions.file(one.key, folder, name) == own
    for key, place, file in (
        (other.key, folder, name),
        ("", folder, name),
        (one.key, "..", f"{one.key}/{name}"),
        (other.key, f"../{one.key}/{folder}", name),
        (one.key, folder, "../../../me.jpg"),
        (one.key, folder, "nothing.jpg"),
        (one.key, folder, "a\0b"),
    ):
        assert sessions.file(key, place, file) is None


def test_links_out_of_the_folder_lead_nowhere(sessions: Sessions, tmp_path: Path) -> None:
    session = sessions.get("one")
    (tmp_path / "secret").write_text("secret")
    link = session.new_file("link")
    link.symlink_to(tmp_path / "secret")
    assert sessions.file(session.key, link.parent.name, "link") is None


def test_reasons_do_not_tell_where_files_lie(sessions: Sessions) -> None:
    session = sessions.get("one")
    path = session.new_file("text.mp4")
    assert session.words(InputError(f"not a video: {path}; convert it")) == "not a video: text.mp4; convert it"


def test_a_lost_upload_and_a_request_without_session(sessions: Sessions, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did not arrive"):
        sessions.adopt(sessions.get("one"), tmp_path / "gone.png")
    with pytest.raises(InputError, match="reload"):
        sessions.get(None)


def test_examples_are_never_deleted(sessions: Sessions, tmp_path: Path) -> None:
    session = sessions.get("one")
    example = tmp_path / "talk.mp4"
    example.touch()
    session.forget(example)
    assert example.exists()
    assert session.url(example) == "/examples/talk.mp4"
