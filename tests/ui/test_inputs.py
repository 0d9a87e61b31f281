"""What the page shows of a portrait and a driving video before anything runs."""

from pathlib import Path

import av
import numpy as np
import pytest
from media_samples import Clip, write_clip
from PIL import Image
from tiny_model import CenteredFaceAnalyzer

from megactor.errors import FaceError
from megactor.jobs import Input, Job, Progress, Visit
from megactor.media.reader import VideoReader
from megactor.media.writer import VideoWriter
from megactor.ui import markup
from megactor.ui.actions import DRIVERS
from megactor.ui.inputs import InputReader, demo_folder
from megactor.ui.playable import make_copy, media_type


@pytest.fixture(scope="module")
def looked() -> InputReader:
    """With the detector that the page has."""
    return InputReader()


def picture(folder: Path, name: str = "me.png") -> Path:
    Image.fromarray(np.full((100, 200, 3), 90, np.uint8)).save(folder / name)
    return folder / name


def test_portrait_places_are_parts_of_the_picture(tmp_path: Path) -> None:
    view = InputReader(CenteredFaceAnalyzer()).portrait(picture(tmp_path))
    (face,) = view.facts["faces"]
    assert (view.facts["width"], view.facts["height"]) == (200, 100)
    assert view.pictures["picture"].startswith(b"\xff\xd8")
    assert face["index"] == 0
    assert face["box"] == pytest.approx((0.26, 0.26, 0.5, 0.5), abs=0.03)
    # a square of pixels in a picture that is twice as wide as high
    assert face["crop"][3] == pytest.approx(2 * face["crop"][2])


def test_no_face(tmp_path: Path) -> None:
    with pytest.raises(FaceError, match="no face found in the 200x100 portrait"):
        InputReader(CenteredFaceAnalyzer(found=False)).portrait(picture(tmp_path))


@pytest.mark.parametrize("found", [True, False])
def test_driving(found: bool, tmp_path: Path) -> None:
    video = write_clip(tmp_path / "video.mp4", Clip(frames=20))
    view = InputReader(CenteredFaceAnalyzer(found)).driving(video)
    assert ("face" in view.pictures) is found
    assert view.facts["seconds"] == pytest.approx(0.8)
    assert view.facts["note"].startswith("0.8 s · 25 frames/s · ")


def test_what_every_browser_plays(tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mp4", Clip(frames=5))
    assert media_type(plain) == "video/mp4"
    reader = VideoReader(plain)
    others = []
    for name, codec, pixels in (("deep.mp4", "libx264", "yuv444p"), ("old.avi", "mpeg4", "yuv420p")):
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = reader.source.width, reader.source.height, pixels
            for frame in reader:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
            container.mux(stream.encode())
        others.append(tmp_path / name)
    with VideoWriter(tmp_path / "anim.gif", 10, (64, 64)) as writer:
        for value in (0, 90, 200):
            writer.write(np.full((64, 64, 3), value, np.uint8))
    for path in (*others, tmp_path / "anim.gif"):
        assert media_type(path) is None
        make_copy(path, tmp_path / f"{path.name}.mp4", seconds=3)
        assert media_type(tmp_path / f"{path.name}.mp4") == "video/mp4"


def test_names_cannot_write_markup() -> None:
    name = '"><script>alert(1)</script>'
    facts = {"seconds": 9.0, "note": name, "type": "video/mp4"}
    roles = ("driving", "driving poster", "driving copy")
    visit = Visit("id", "address", 1, {role: Input(name, name) for role in roles}, dict.fromkeys(roles, facts))
    job = Job("id", "me", "failed", 1, {}, {}, Progress(), 0.0, Path("p"), error=name)
    for html in (markup.driving(visit, 5), markup.message(job), markup.alert(name), markup.examples([("", name)], "x")):
        assert "<script" not in html


@pytest.mark.parametrize("name", DRIVERS)
def test_example_videos_are_small_and_begin_with_a_face(name: str, looked: InputReader) -> None:
    path = demo_folder() / name
    assert path.stat().st_size < 75_000, "they come with every installation"
    look = looked.driving(path)
    assert "face" in look.pictures
    assert 3 <= look.facts["seconds"] <= 4
