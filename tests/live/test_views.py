"""Windows and virtual cameras, as far as a machine without a screen can tell."""

import sys
import types

import numpy as np
import pytest

from megactor.errors import InputError
from megactor.live.views import opened


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a screen")
def test_without_a_screen_the_reader_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="--no-window"), opened(True, None, 25):
        pass


def test_a_virtual_camera_is_sent_the_pictures_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []

    class Camera:
        def __init__(self, *arguments: object) -> None:
            done.append(arguments)

        def send(self, picture: np.ndarray) -> None:
            done.append(picture.shape)

        def close(self) -> None:
            done.append("closed")

    monkeypatch.setitem(sys.modules, "pyvirtualcam", types.SimpleNamespace(Camera=Camera))
    with opened(False, (64, 48), 25) as views:
        views[0].show(np.zeros((48, 64, 3), np.uint8))
        assert views[0].asked() is None
    assert done == [(64, 48, 25), (48, 64, 3), "closed"]


def test_what_a_virtual_camera_lacks_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(InputError, match=r"megactor\[live\]"), opened(False, (64, 64), 25):
        pass

    def fail(*arguments: object) -> None:
        raise RuntimeError("v4l2loopback: no device\nobs: no device")

    monkeypatch.setitem(sys.modules, "pyvirtualcam", types.SimpleNamespace(Camera=fail))
    with pytest.raises(InputError, match="no virtual camera here") as caught, opened(False, (64, 64), 25):
        pass
    assert "\n" not in str(caught.value)
