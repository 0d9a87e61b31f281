import json
import zipfile

import cv2
import fsspec
import numpy as np
import pytest
from command_line import error_line, listing, megactor
from curate.raw_videos import demo_frames
from media_samples import Clip, frame_numbers, write_clip

from megactor.curate.read import open_footage
from megactor.curate.remote import check_url, local_copy
from megactor.curate.settings import CurationSettings
from megactor.curate.sources import Source, find_sources
from megactor.errors import InputError

SETTINGS = CurationSettings(size=64)


def names(inputs, **options):
    return [source.name for source in find_sources([str(name) for name in inputs], **options)]


def write_pictures(folder, count, size=(40, 30)):
    folder.mkdir(parents=True)
    for number in range(count):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((*size[::-1], 3), 10 * number, np.uint8))


def means(source, settings=SETTINGS, first=0, last=None):
    with open_footage(source, settings) as footage:
        return [round(float(frame.mean())) for frame in footage.frames(first, last, None)]


def test_a_folder_gives_videos_and_sequences_of_pictures(tmp_path):
    top = tmp_path / "top"
    write_pictures(top / "Clip+a+P0", 12)
    write_pictures(top / "covers", 2)
    for name in ("b.mp4", "deep/c.MOV", ".hidden.mp4", "readme.md"):
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).touch()
    (top / "loop").symlink_to(top)
    assert names([top]) == ["top/Clip+a+P0", "top/b.mp4", "top/deep/c.MOV"]


def test_names_decide_the_keys_and_places_do_not(tmp_path):
    for place in ("one", "two"):
        (tmp_path / place / "set").mkdir(parents=True)
        (tmp_path / place / "set" / "a.mp4").touch()
    first, second = (find_sources([str(tmp_path / place / "set")])[0] for place in ("one", "two"))
    assert first.path != second.path and first.key == second.key
    with pytest.raises(InputError, match=r"two inputs are both called set/a\.mp4"):
        find_sources([first.path.removesuffix("/a.mp4"), second.path.removesuffix("/a.mp4")])
    assert len(find_sources([first.path, first.path])) == 1


def test_pictures_come_in_the_order_of_their_numbers_at_the_wanted_rate(tmp_path):
    write_pictures(tmp_path / "p", 12)
    source = Source("p", "pictures", str(tmp_path / "p"))
    assert means(source) == [10 * number for number in range(12)]
    assert means(source, first=9, last=11) == [90, 100]
    assert means(source, CurationSettings(frames_fps=50)) == [0, 20, 40, 60, 80, 100]


def test_a_zip_is_read_by_name_and_never_unpacked(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(10):
            packed = cv2.imencode(".png", np.full((30, 40, 3), 20 * number, np.uint8))[1].tobytes()
            archive.writestr(f"../../evil/{number}.png", packed)
            archive.writestr(f"good/{number}.png", packed)
    before = listing(tmp_path.parent)
    evil, good = find_sources([str(path)])
    assert good.name == "a.zip/good" and ".." not in evil.name
    assert means(good) == means(evil) == [20 * number for number in range(10)]
    assert listing(tmp_path.parent) == before


def test_a_bomb_in_a_zip_is_not_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(8):
            archive.writestr(f"{number}.png", bytes(3_000_000))
    monkeypatch.setattr("megactor.curate.read.MOST_PICTURE_BYTES", 2_000_000)
    with pytest.raises(InputError, match="MB unpacked"):
        means(find_sources([str(path)])[0])


def test_a_list_may_name_what_is_not_there_but_not_what_is_remote(tmp_path):
    write_clip(tmp_path / "a.mp4", Clip(frames=12))
    text = tmp_path / "list.txt"
    text.write_text("# remark\n\na.mp4\nmissing.mp4\n")
    found, missing = find_sources([str(text)])
    assert frame_numbers([np.full((1, 1, 3), mean, np.uint8) for mean in means(found)]) == list(range(12))
    with pytest.raises(InputError, match="not found"):
        means(missing)
    text.write_text("https://host/a.mp4\n")
    with pytest.raises(InputError, match="--allow-remote"):
        find_sources([str(text)])


@pytest.mark.parametrize("url", ["file:///etc/passwd", "zip://a::https://host/b.zip", "ssh://host/a.mp4"])
def test_urls_of_other_kinds_are_refused(url):
    with pytest.raises(InputError, match="cannot be read"):
        check_url(url, allow_remote=True)


def test_remote_files_are_copied_up_to_a_size():
    with fsspec.open("memory://megactor/a.bin", "wb") as file:
        file.write(bytes(1000))
    with local_copy("memory://megactor/a.bin", 1000) as path:
        assert path.stat().st_size == 1000
    assert not path.exists()
    with pytest.raises(InputError, match="larger than"), local_copy("memory://megactor/a.bin", 999):
        pass
    with pytest.raises(InputError, match="FileNotFoundError"), local_copy("memory://megactor/none", 9):
        pass


def annotations(path, **changes):
    box = {"left": 0.5, "top": 0.0, "right": 1.0, "bottom": 1.0}
    clip = {"ytb_id": "abc", "duration": {"start_sec": 0.2, "end_sec": 0.52}, "bbox": box} | changes
    path.write_text(json.dumps({"clips": {"abc_0": clip}}))
    return path


def test_celebv_spans_and_boxes(tmp_path):
    (tmp_path / "raw").mkdir()
    halves = [np.hstack([np.zeros((32, 32, 3)), np.full((32, 32, 3), 8 * i)]).astype(np.uint8) for i in range(25)]
    write_clip(tmp_path / "raw" / "abc.mp4", Clip(size=(64, 32)), halves)
    (source,) = find_sources([str(annotations(tmp_path / "celebvhq_info.json"))], videos=tmp_path / "raw")
    assert source.name == "celebvhq_info/abc_0"
    with open_footage(source, SETTINGS) as footage:
        assert footage.size == (32, 32) and footage.count == 8
        frames = list(footage.frames(0, None, 16))
    assert frames[0].shape == (16, 16, 3)
    assert [round(float(frame[:, 4:].mean()) / 8) for frame in frames] == list(range(5, 13))


@pytest.mark.parametrize(
    "changes",
    [
        {"ytb_id": "../../etc/passwd"},
        {"duration": {"start_sec": 3, "end_sec": 1}},
        {"duration": {"start_sec": 0, "end_sec": "NaN"}},
        {"bbox": {"left": 0.5, "top": 0, "right": 7, "bottom": 1}},
        {"duration": None},
    ],
)
def test_annotations_that_make_no_sense(tmp_path, changes):
    with pytest.raises(InputError, match="CelebV"):
        find_sources([str(annotations(tmp_path / "a.json", **changes))])


def test_one_bad_entry_of_many_annotations_is_one_bad_source(tmp_path):
    path = annotations(tmp_path / "a.json")
    content = json.loads(path.read_text())
    good = content["clips"]["abc_0"]
    content["clips"] |= {"abc_1": good | {"duration": {"start_sec": 3, "end_sec": 1}}, "../abc_2": good, "abc_3": None}
    path.write_text(json.dumps(content))
    sources = {source.name: source for source in find_sources([str(path)])}
    assert set(sources) == {"a/entry 0", "a/abc_0", "a/abc_1", "a/abc_3"}
    assert sources["a/abc_0"].kind == "video" and sources["a/abc_0"].span == (0.2, 0.52)
    for name, words in (("abc_1", "from 3.0 to 1.0"), ("entry 0", "'../abc_2' is no name"), ("abc_3", "TypeError")):
        with pytest.raises(InputError, match=words), open_footage(sources[f"a/{name}"], SETTINGS):
            pass


def test_deep_json_is_no_crash(tmp_path):
    (tmp_path / "a.json").write_text("[" * 200_000)
    with pytest.raises(InputError, match="CelebV"):
        find_sources([str(tmp_path / "a.json")])


def test_larger_frames_are_reduced_while_they_are_read(tmp_path):
    write_clip(tmp_path / "a.mp4", Clip(size=(320, 320)), demo_frames("talk")[:6])
    with open_footage(find_sources([str(tmp_path / "a.mp4")])[0], SETTINGS) as footage:
        (small, *_), (full, *_) = list(footage.frames(0, None, 80)), list(footage.frames(0, None, 5000))
    assert small.shape == (80, 80, 3) and full.shape == (320, 320, 3)
    assert np.abs(cv2.resize(full, (80, 80), interpolation=cv2.INTER_AREA).astype(int) - small).mean() < 3


def test_the_command_says_what_is_wrong_in_one_line(tmp_path):
    assert "not found" in error_line(megactor("curate", tmp_path / "none", "-o", tmp_path / "out"))
    assert "nothing to curate" in error_line(megactor("curate", tmp_path, "-o", tmp_path / "out"))
    (tmp_path / "a.mp4").touch()
    wrong = megactor("curate", tmp_path, "-o", tmp_path / "out", "--set", "least_hair=1")
    assert "least_hair" in error_line(wrong)
    assert not (tmp_path / "out").exists()
