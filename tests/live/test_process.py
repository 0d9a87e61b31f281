"""A live session in a process of its own, and the one place in front of it."""

import io
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from patience import PATIENCE, wait_until
from PIL import Image

from megactor.errors import InputError, MegActorError
from megactor.live.process import serve
from megactor.media.reader import VideoReader
from megactor.ui.live_room import LiveRoom

OPTIONS = {"eyes_scale": 0.5}


def jpeg(level: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((48, 64, 3), level, np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def brightness(picture: bytes) -> float:
    return float(np.asarray(Image.open(io.BytesIO(picture))).mean())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("portraits")
    for name, level in (("face", 200), ("nobody", 0)):
        Image.fromarray(np.full((64, 64, 3), level, np.uint8)).save(folder / f"{name}.png")
    return {name: folder / f"{name}.png" for name in ("face", "nobody")}


@pytest.fixture(scope="module")
def room() -> Iterator[LiveRoom]:
    room = LiveRoom("live_factory:load", {})
    yield room
    room.close()


def test_frames_in_pictures_out_and_a_recording(room: LiveRoom, files: dict[str, Path], tmp_path: Path) -> None:
    room.begin("me", files["face"], OPTIONS)
    room.record("me")
    for number, level in ((7, 100), (8, 200)):
        room.frame("me", number, jpeg(level))
        answer = room.picture("me", 30)
        assert answer is not None
        assert answer[0] == number
        assert brightness(answer[1]) == pytest.approx(level / 2, abs=3)
        assert answer[2]["skipped"] == 0
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(room.recorded("me"))
    assert next(iter(VideoReader(clip))).shape == (64, 64, 3)
    with pytest.raises(MegActorError, match="nothing is being recorded"):
        room.recorded("me")
    assert room.picture("me", 0.01) is None
    room.leave("me")


def test_one_at_a_time(room: LiveRoom, files: dict[str, Path]) -> None:
    room.begin("me", files["face"], OPTIONS)
    with pytest.raises(InputError, match="somebody else is live"):
        room.begin("you", files["face"], OPTIONS)
    with pytest.raises(MegActorError, match="begin again"):
        room.frame("you", 1, jpeg(9))
    room.leave("you")
    room.frame("me", 1, jpeg(9))
    room.leave("me")
    room.begin("you", files["face"], OPTIONS)
    room.leave("you")


def test_a_refused_portrait_leaves_the_place_free(room: LiveRoom, files: dict[str, Path]) -> None:
    with pytest.raises(MegActorError, match="no face found"):
        room.begin("me", files["nobody"], OPTIONS)
    room.begin("you", files["face"], OPTIONS)
    room.frame("you", 1, b"no picture at all")
    room.frame("you", 2, jpeg(50))
    answer = room.picture("you", 30)
    assert answer is not None and answer[0] == 2
    room.leave("you")


def test_who_is_not_heard_any_more_has_left(
    room: LiveRoom, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("megactor.ui.live_room.SILENCE", 0.1)
    room.begin("gone", files["face"], OPTIONS)

    def begins() -> bool:
        try:
            room.begin("next", files["face"], OPTIONS)
        except InputError:
            return False
        return True

    wait_until(begins)
    room.leave("next")


def test_a_process_that_is_gone_says_so_and_a_new_one_is_made(room: LiveRoom, files: dict[str, Path]) -> None:
    room.begin("me", files["face"], OPTIONS)
    process = room._process
    assert process is not None
    process._process.kill()
    process._process.wait()
    process._reader.join(PATIENCE)
    with pytest.raises(MegActorError, match="begin again"):
        room.frame("me", 1, jpeg(9))
    room.begin("me", files["face"], OPTIONS)
    room.leave("me")


def test_a_model_that_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.signal", lambda *arguments: None)
    told, answers = io.BytesIO(pickle.dumps(("begin", "portrait.png", {}))), io.BytesIO()
    serve(told, answers, "live_factory:nothing", {})
    kind, words = pickle.loads(answers.getvalue())
    assert kind == "refused"
    assert "nothing" in words
