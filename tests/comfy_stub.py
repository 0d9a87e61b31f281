"""The parts of ComfyUI that our nodes touch, played: no server, no models, the same shapes of classes and calls."""

import sys
import types
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch


class InterruptProcessingException(Exception):
    pass


class ProgressBar:
    """Remembers what was shown; `cancel_at` is the value at which the user cancels."""

    shown: list[tuple[float, Any]] = []  # noqa: RUF012
    cancel_at: float | None = None
    interrupted = False

    def __init__(self, total: int) -> None:
        self.total = total

    def update_absolute(self, value: float, total: int | None = None, preview: Any = None) -> None:
        ProgressBar.shown.append((value / (total or self.total), preview))
        if ProgressBar.cancel_at is not None and value >= ProgressBar.cancel_at:
            ProgressBar.interrupted = True


def throw_exception_if_processing_interrupted() -> None:
    if ProgressBar.interrupted:
        ProgressBar.interrupted = False
        raise InterruptProcessingException


@dataclass
class Slot:
    id: str = ""
    display_name: str = ""
    io_type: str = ""
    default: Any = None
    optional: bool = False
    options: list[str] | None = None
    tooltip: str = ""
    min: float | None = None
    max: float | None = None
    step: float | None = None
    control_after_generate: bool | None = None


def io_type(name: str) -> Any:
    def slot(id: str = "", **details: Any) -> Slot:
        return Slot(id, io_type=name, **details)

    return types.SimpleNamespace(Input=slot, Output=slot, io_type=name)


@dataclass
class Schema:
    node_id: str
    display_name: str
    category: str
    description: str
    inputs: list[Slot]
    outputs: list[Slot]


class NodeOutput:
    def __init__(self, *args: Any) -> None:
        self.args = args


@dataclass
class VideoComponents:
    images: torch.Tensor
    frame_rate: Fraction
    audio: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


class VideoFromFile:
    def __init__(self, file: Any) -> None:
        self.file = file

    def get_stream_source(self) -> Any:
        return self.file


class TrimmedVideo(VideoFromFile):
    """As newer versions of ComfyUI trim: the window is told, the file is whole."""

    def __init__(self, file: Any, start: float, duration: float) -> None:
        super().__init__(file)
        self.window = (start, duration)

    def get_active_trim_window(self) -> tuple[float, float]:
        return self.window


@dataclass
class VideoFromComponents:
    components: VideoComponents
    saved: dict[str, Any] = field(default_factory=dict)

    def get_components(self) -> VideoComponents:
        return self.components

    def save_to(self, path: Any, format: Any, codec: Any, metadata: Any = None, **options: Any) -> None:
        self.saved = {"path": path, "format": format, "codec": codec, "metadata": metadata, **options}


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the played modules where the nodes import them from, for one test."""
    monkeypatch.setattr(ProgressBar, "shown", [])
    monkeypatch.setattr(ProgressBar, "cancel_at", None)
    monkeypatch.setattr(ProgressBar, "interrupted", False)
    io = types.SimpleNamespace(
        ComfyNode=object,
        Schema=Schema,
        NodeOutput=NodeOutput,
        Custom=io_type,
        MultiType=types.SimpleNamespace(
            Input=lambda id, types, **details: Slot(id, io_type=",".join(kind.io_type for kind in types), **details)
        ),
        **{name.capitalize(): io_type(name) for name in ("STRING", "BOOLEAN", "INT", "FLOAT", "COMBO")},
        **{name.capitalize(): io_type(name) for name in ("IMAGE", "AUDIO", "VIDEO")},
    )
    auto = types.SimpleNamespace(AUTO="auto")
    modules: dict[str, dict[str, Any]] = {
        "comfy": {},
        "comfy.utils": {"ProgressBar": ProgressBar},
        "comfy.model_management": {
            "throw_exception_if_processing_interrupted": throw_exception_if_processing_interrupted,
            "get_torch_device": lambda: torch.device("cpu"),
        },
        "comfy_api": {},
        "comfy_api.latest": {
            "io": io,
            "ComfyExtension": object,
            "Input": types.SimpleNamespace(Video=object),
            "InputImpl": types.SimpleNamespace(VideoFromFile=VideoFromFile, VideoFromComponents=VideoFromComponents),
            "Types": types.SimpleNamespace(VideoComponents=VideoComponents, VideoContainer=auto, VideoCodec=auto),
        },
    }
    for name, contents in modules.items():
        module = types.ModuleType(name)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, name, module)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)


FOLDER = Path(__file__).parents[1] / "integrations" / "comfyui"
