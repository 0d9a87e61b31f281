"""The nodes for ComfyUI, with ComfyUI's types played: what goes in, what comes out, and what goes wrong."""

import asyncio
import importlib.util
import io
import json
import sys
import tomllib
import types
from collections.abc import Callable, Iterator
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import comfy_stub
import numpy as np
import pytest
import torch
from comfy_stub import FOLDER, ProgressBar
from media_samples import Clip, Sound, flat_frame, write_clip
from tiny_model import tiny_pipeline

import megactor
from megactor.errors import FaceError, InputError, ModelError
from megactor.media.provenance import GENERATED_COMMENT
from megactor.options import AnimationOptions
from megactor.pipeline import MegActorPipeline

OPTIONS = {"steps": 1, "size": 64}
PORTRAIT = torch.full((1, 96, 80, 3), 90 / 255)


@pytest.fixture
def pack(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    comfy_stub.install(monkeypatch)
    spec = importlib.util.spec_from_file_location("comfy_pack", FOLDER / "__init__.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["comfy_pack"] = module
    spec.loader.exec_module(module)
    yield module
    for name in [name for name in sys.modules if name.split(".")[0] == "comfy_pack"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def pipe() -> MegActorPipeline:
    return tiny_pipeline()


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("comfy") / "talk.mp4"
    return write_clip(path, Clip(frames=10, sound=Sound([0.1, 0.3], 0.4)))


def run(pack: types.ModuleType, pipe: Callable[..., Any], driving: Any, **options: Any) -> tuple[Any, Any, Any]:
    with torch.inference_mode():  # as ComfyUI does
        output = pack.Animate.execute(pipe, PORTRAIT, driving, **OPTIONS | options)
    return output.args


def direct(pipe: MegActorPipeline, driving: Any, **options: Any) -> np.ndarray:
    portrait = np.full((96, 80, 3), 90, np.uint8)
    return np.stack(list(pipe(portrait, driving, **OPTIONS | options)))


def same(images: torch.Tensor, frames: np.ndarray) -> None:
    assert images.dtype == torch.float32
    np.testing.assert_allclose(images.numpy(), frames / 255, atol=1e-6)


def test_a_video_gives_frames_sound_and_a_marked_video(
    pack: types.ModuleType, pipe: MegActorPipeline, talk: Path
) -> None:
    images, audio, video = run(pack, pipe, comfy_stub.VideoFromFile(str(talk)))
    same(images, direct(pipe, talk))
    assert not images.is_inference()  # others may change it
    assert audio["sample_rate"] == 44_100 and audio["waveform"].shape == (1, 2, 17_640)
    loud = torch.nonzero(audio["waveform"][0, 0].abs() > 0.25)[0].item() / 44_100
    assert loud == pytest.approx(0.1, abs=0.01)
    parts = video.get_components()
    assert parts.images is images and parts.audio is audio and parts.frame_rate == 25
    video.save_to("out.mp4", metadata={"prompt": {}}, crf=20)
    assert video.saved["metadata"] == {"comment": GENERATED_COMMENT, "prompt": {}} and video.saved["crf"] == 20
    video.save_to("out.mp4", "auto", "auto")
    assert video.saved["metadata"] == {"comment": GENERATED_COMMENT}


def test_the_node_shows_how_far_it_is_and_the_newest_frame(
    pack: types.ModuleType, pipe: MegActorPipeline, talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["comfy_pack.progress"], "_PREVIEW_SECONDS", 0)
    images, _, _ = run(pack, pipe, comfy_stub.VideoFromFile(str(talk)))
    shares = [share for share, _ in ProgressBar.shown]
    assert shares == sorted(shares) and shares[-1] == 1 and len(set(shares)) > 10
    previews = [preview for _, preview in ProgressBar.shown if preview is not None]
    assert len(previews) == 10
    for image, (kind, picture, largest) in zip(images, previews, strict=True):
        assert kind == "JPEG" and largest == 512
        np.testing.assert_allclose(np.asarray(picture) / 255, image.numpy(), atol=1e-6)


def test_previews_are_few_and_the_last_frame_is_among_them(
    pack: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = sys.modules["comfy_pack.progress"]
    clock = types.SimpleNamespace(monotonic=lambda: clock.now, now=5.0)
    monkeypatch.setattr(progress, "time", clock)
    report, frame = progress.NodeProgress(), np.zeros((8, 8, 3), np.uint8)
    for number in range(1, 11):
        clock.now += 0.125
        report("frames", number, 10, frame)
    assert [number for number, (_, preview) in enumerate(ProgressBar.shown, 1) if preview] == [1, 3, 5, 7, 9, 10]


@pytest.mark.parametrize("cancel_at", [5, 60])
def test_cancel_is_heard_while_faces_are_followed_and_while_frames_come(
    pack: types.ModuleType, pipe: MegActorPipeline, talk: Path, monkeypatch: pytest.MonkeyPatch, cancel_at: int
) -> None:
    monkeypatch.setattr(ProgressBar, "cancel_at", cancel_at)
    results: list[Any] = []

    def model(*arguments: Any, **options: Any) -> Any:
        results.append(pipe(*arguments, **options))
        return results[-1]

    with pytest.raises(comfy_stub.InterruptProcessingException):
        run(pack, model, comfy_stub.VideoFromFile(str(talk)))
    assert ProgressBar.shown[-1][0] < 1
    assert len(results) == (cancel_at == 60)
    assert all(result.frames.gi_frame is None for result in results)  # nothing goes on for a result nobody wants
    monkeypatch.setattr(ProgressBar, "cancel_at", None)
    assert len(run(pack, pipe, comfy_stub.VideoFromFile(str(talk)))[0]) == 10


def test_a_part_of_a_video_whatever_it_is_made_of(pack: types.ModuleType, pipe: MegActorPipeline, talk: Path) -> None:
    frames = direct(pipe, talk, start=0.12, end=0.28)
    for video, part in (
        (comfy_stub.VideoFromFile(str(talk)), {"start": 0.12, "end": 0.28}),
        (comfy_stub.VideoFromFile(io.BytesIO(talk.read_bytes())), {"start": 0.12, "end": 0.28}),
        (comfy_stub.TrimmedVideo(str(talk), 0.12, 0.16), {}),
        (comfy_stub.TrimmedVideo(str(talk), 0.04, 0.3), {"start": 0.08, "end": 0.24}),
    ):
        images, audio, _ = run(pack, pipe, video, **part)
        same(images, frames)
        assert audio["waveform"].shape[2] == round(44_100 * 0.16)


def test_a_batch_of_pictures_drives_at_its_rate(pack: types.ModuleType, pipe: MegActorPipeline) -> None:
    frames = np.stack([flat_frame(number) for number in range(10)])
    batch = torch.from_numpy(frames).float() / 255
    images, audio, video = run(pack, pipe, batch)
    same(images, direct(pipe, frames))
    assert audio is None and video.get_components().audio is None and video.get_components().frame_rate == 25
    images, _, video = run(pack, pipe, batch, fps=10.0, start=0.3, end=0.7)
    same(images, direct(pipe, frames[3:7]))
    assert video.get_components().frame_rate == 10
    with pytest.raises(InputError, match="beyond the end"):
        run(pack, pipe, batch, start=5.0)
    with pytest.raises(InputError, match="beyond the end"):
        run(pack, pipe, batch[:0])


def test_a_video_that_is_no_file_keeps_its_rate_and_sound(pack: types.ModuleType, pipe: MegActorPipeline) -> None:
    frames = np.stack([flat_frame(number) for number in range(10)])
    sound = {"waveform": torch.arange(800.0).reshape(1, 1, 800), "sample_rate": 1000}
    parts = comfy_stub.VideoComponents(torch.from_numpy(frames).float() / 255, Fraction(20), sound)
    images, audio, video = run(pack, pipe, comfy_stub.VideoFromComponents(parts), fps=10.0, start=0.1, end=0.4)
    same(images, direct(pipe, frames[[2, 4, 6]]))
    assert video.get_components().frame_rate == 10 and audio["sample_rate"] == 1000
    assert audio["waveform"].flatten().tolist() == list(range(100, 400))


def test_errors_are_one_line_for_the_reader(
    pack: types.ModuleType, pipe: MegActorPipeline, talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = comfy_stub.VideoFromFile(str(talk))
    with pytest.raises(InputError, match="batch of 2 pictures"):
        pack.Animate.execute(pipe, PORTRAIT.repeat(2, 1, 1, 1), video, **OPTIONS)
    with pytest.raises(InputError, match="size 100 is not divisible by 8"):
        run(pack, pipe, video, size=100)
    monkeypatch.setattr(pipe._analyzer, "found", False)
    with pytest.raises(FaceError, match="portrait"):
        run(pack, pipe, video)
    with pytest.raises(ModelError, match="no-such-model"):
        pack.LoadModel.execute("no-such-model", "auto", "auto")


def test_auto_is_the_device_of_comfyui(pack: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def load(*arguments: Any) -> str:
        asked.append((arguments, torch.is_inference_mode_enabled()))
        return "pipeline"

    monkeypatch.setattr(MegActorPipeline, "from_preset", load)
    monkeypatch.setattr(sys.modules["comfy.model_management"], "get_torch_device", lambda: torch.device("cuda:1"))
    with torch.inference_mode():
        assert pack.LoadModel.execute("nano ", "auto", "auto").args == ("pipeline",)
        pack.LoadModel.execute("nano", "cpu", "float32", True)
    assert asked == [(("nano", "cuda:1", "auto", False), False), (("nano", "cpu", "float32", True), False)]


def test_every_option_is_an_input_and_its_default_the_pipelines(pack: types.ModuleType) -> None:
    inputs = {slot.id: slot for slot in pack.Animate.define_schema().inputs}
    names = [field.name for field in fields(AnimationOptions)]
    assert set(inputs) == {"model", "portrait", "driving", *names}
    assert inputs["driving"].io_type == "VIDEO,IMAGE"
    assert all(inputs[name].optional for name in names)
    defaults = {name: inputs[name].default for name in names}
    part = {name: defaults.pop(name) for name in ("start", "end", "fps")}
    assert AnimationOptions(**sys.modules["comfy_pack.options"].asked(defaults)) == AnimationOptions()
    assert set(part.values()) == {0.0}
    for slot in inputs.values():
        assert slot.options is None or slot.default in slot.options


def test_comfyui_finds_the_nodes(pack: types.ModuleType) -> None:
    async def nodes() -> list[Any]:
        return await (await pack.comfy_entrypoint()).get_node_list()

    schemas = [node.define_schema() for node in asyncio.run(nodes())]
    assert [schema.node_id for schema in schemas] == ["MegActorLoadModel", "MegActorAnimate"]
    for schema in schemas:
        assert schema.category == "MegActor" and all(slot.tooltip for slot in schema.inputs if slot.id != "model")


def test_the_example_workflows_fit_the_nodes(pack: types.ModuleType) -> None:
    ours = {node.define_schema().node_id: node.define_schema() for node in (pack.LoadModel, pack.Animate)}
    prompt = json.loads((FOLDER / "animate_api.json").read_text(encoding="utf-8"))
    for node in prompt.values():
        if schema := ours.get(node["class_type"]):
            known = {slot.id: slot for slot in schema.inputs}
            assert set(node["inputs"]) <= set(known)
            assert {slot.id for slot in schema.inputs if not slot.optional} <= set(node["inputs"])
    graph = json.loads((FOLDER / "example_workflows" / "animate.json").read_text(encoding="utf-8"))
    nodes = {node["id"]: node for node in graph["nodes"]}
    assert {node["type"] for node in nodes.values()} == {node["class_type"] for node in prompt.values()}
    for number, source, out, target, place, kind in graph["links"]:
        assert number in nodes[source]["outputs"][out]["links"]
        assert nodes[target]["inputs"][place]["link"] == number
        assert kind in nodes[target]["inputs"][place]["type"].split(",")
    widgets = ("STRING", "BOOLEAN", "INT", "FLOAT", "COMBO")
    for node in nodes.values():
        if schema := ours.get(node["type"]):
            shown = [slot for slot in schema.inputs if slot.io_type in widgets]
            assert len(node["widgets_values"]) == len(shown)
            for slot, value in zip(shown, node["widgets_values"], strict=True):
                assert value in slot.options if slot.options else type(value) is type(slot.default), slot.id


def test_what_the_registry_reads() -> None:
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["comfy"].keys() >= {"PublisherId", "DisplayName", "Icon"}
    assert project["project"]["version"] == megactor.__version__
    assert project["project"]["dependencies"] == (FOLDER / "requirements.txt").read_text().split() == ["megactor"]
