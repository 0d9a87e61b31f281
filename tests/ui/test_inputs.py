"""What the page shows of a portrait and a driving video before anything runs."""

from pathlib import Path

import numpy as np
import pytest
from media_samples import Clip, write_clip
from PIL import Image
from tiny_model import CenteredFaceAnalyzer

from megactor.errors import FaceError, InputError
from megactor.ui import markup
from megactor.ui.inputs import InputReader, take_upload


def picture(folder: Path, name: str = "me.png") -> Path:
    Image.fromarray(np.full((100, 200, 3), 90, np.uint8)).save(folder / name)
    return folder / name


def test_portrait_places_are_parts_of_the_picture(tmp_path: Path) -> None:
    view = InputReader(CenteredFaceAnalyzer()).portrait(picture(tmp_path))
    (face,) = view.faces
    assert view.size == (200, 100)
    assert face.index == 0
    assert face.box == pytest.approx((0.26, 0.26, 0.5, 0.5), abs=0.03)
    # a square of pixels in a picture that is twice as wide as high
    assert face.crop[3] == pytest.approx(2 * face.crop[2])


def test_no_face(tmp_path: Path) -> None:
    with pytest.raises(FaceError, match="no face found in the 200x100 portrait"):
        InputReader(CenteredFaceAnalyzer(found=False)).portrait(picture(tmp_path))


@pytest.mark.parametrize("found", [True, False])
def test_driving(found: bool, tmp_path: Path) -> None:
    video = write_clip(tmp_path / "video.mp4", Clip(frames=20))
    view = InputReader(CenteredFaceAnalyzer(found)).driving(video)
    assert (view.face is not None) is found
    assert view.seconds == pytest.approx(0.8)
    assert view.note.startswith("0.8 s · 25 frames/s · ")


def test_uploads_come_from_one_folder_only(tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    good, foreign = picture(uploads), picture(tmp_path, "foreign.png")
    (uploads / "link.png").symlink_to(foreign)
    assert take_upload({"path": str(good)}, uploads, 1) == good
    assert take_upload(None, uploads, 1) is None
    for path in (foreign, uploads / "link.png", uploads / ".." / "foreign.png", uploads / "none.png", uploads):
        with pytest.raises(InputError, match="did not arrive"):
            take_upload({"path": str(path)}, uploads, 1)
    (uploads / "large.bin").write_bytes(bytes(1_500_000))
    with pytest.raises(InputError, match="2 MB, this page takes up to 1 MB"):
        take_upload({"path": str(uploads / "large.bin")}, uploads, 1)


def test_names_cannot_write_markup(tmp_path: Path) -> None:
    video = write_clip(tmp_path / "video.mp4", Clip(frames=2))
    view = InputReader(CenteredFaceAnalyzer()).driving(video)
    name = '"><script>alert(1)</script>'
    for html in (markup.driving(view, name, name), markup.alert(name), markup.thumbnails([("", name)], name)):
        assert "<script" not in html
