"""Pictures and videos in and out: nothing above this package knows about files, codecs or time stamps."""

from megactor.media.atomic import atomic_path, check_target
from megactor.media.audio import AudioTrack
from megactor.media.container import VideoInfo, probe
from megactor.media.images import load_image
from megactor.media.provenance import GENERATED_COMMENT
from megactor.media.reader import VideoReader
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
