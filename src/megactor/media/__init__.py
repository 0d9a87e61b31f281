"""Pictures and videos in and out: nothing above this package knows about files, codecs or time stamps.

Importing this package is cheap: PyAV is loaded at the first use of a name that needs it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from megactor.media.atomic import atomic_path, check_target
from megactor.media.provenance import GENERATED_COMMENT

if TYPE_CHECKING:
    from megactor.media.container import VideoInfo, probe
    from megactor.media.images import load_image
    from megactor.media.reader import VideoReader
    from megactor.media.sound import AudioTrack
    from megactor.media.writer import VideoWriter, check_output

__all__ = [
    "GENERATED_COMMENT",
    "AudioTrack",
    "VideoInfo",
    "VideoReader",
    "VideoWriter",
    "atomic_path",
    "check_output",
    "check_target",
    "load_image",
    "probe",
]

_WITH_PYAV = {
    "AudioTrack": "sound",
    "VideoInfo": "container",
    "VideoReader": "reader",
    "VideoWriter": "writer",
    "check_output": "writer",
    "load_image": "images",
    "probe": "container",
}


def __getattr__(name: str) -> Any:
    """Imports what needs PyAV when it is first asked for."""
    if name in _WITH_PYAV:
        return getattr(import_module(f"megactor.media.{_WITH_PYAV[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
