"""The suite of a fixed list: reading the list, and running it."""

from pathlib import Path

import pytest
from command_line import error_line
from PIL import Image

from megactor.errors import InputError
from megactor.evaluation.suites.pairs import Pairs, read_pairs
from megactor.media.images import load_image
from megactor.media.reader import VideoReader

COMMITTED = Path(__file__).parents[2] / "docs" / "pairs.csv"


@pytest.fixture
def listed(tmp_path):
    """Writes a list beside two portraits and two drivers whose content does not matter."""
    for name in ("a.png", "b.jpg", "v.mp4", "w.mp4"):
        (tmp_path / name).write_bytes(name.encode())

    def listed(text: str) -> Path:
        (tmp_path / "pairs.csv").write_text(text, encoding="utf-8")
        return tmp_path / "pairs.csv"

    return listed


def test_a_list(listed, tmp_path):
    suite = Pairs(listed("portrait,driver,start,end\na.png,v.mp4,0,4\nb.jpg,w.mp4,1.5,\na.png,w.mp4,,2\n"))
    assert [(key.name, key.identity, key.cross) for key in suite.cases()] == [
        ("a--v", "a", True), ("b--w", "b", True), ("a--w", "a", True),
    ]  # fmt: skip
    pairs = read_pairs(suite.list_file, tmp_path, tmp_path)
    assert [(pair.start, pair.end) for pair in pairs] == [(0, 4), (1.5, None), (None, 2)]


def test_its_settings_are_those_of_each_pair(listed, tmp_path):
    """So that a list may grow, and a pair that changes needs another folder."""
    first = Pairs(listed("portrait,driver,end\na.png,v.mp4,4\n")).settings()["pairs"]
    more = Pairs(listed("driver,portrait,start,end\nv.mp4,a.png,,4\nw.mp4,a.png,0,4\n")).settings()["pairs"]
    assert first == {"a--v": more["a--v"]} and set(more) == {"a--v", "a--w"}
    assert Pairs(listed("portrait,driver,end\na.png,v.mp4,3\n")).settings()["pairs"] != first
    (tmp_path / "v.mp4").write_bytes(b"another")
    assert Pairs(listed("portrait,driver,end\na.png,v.mp4,4\n")).settings()["pairs"] != first


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has the columns none: its first line should be portrait,driver,start,end"),
        ("a.png,v.mp4,0,4\n", "its first line should be"),
        ("portrait,driver,strat\na.png,v.mp4,0\n", "its first line should be"),
        ("portrait,driver\n", "lists no pairs"),
        ("portrait,driver\na.png,v.mp4\nc.png,v.mp4\n", "line 3: no portrait at"),
        ("portrait,driver\na.png,\n", "line 2: no driver at"),
        ("portrait,driver,start\na.png,v.mp4,soon\n", "line 2: start is soon, but must be seconds"),
        ("portrait,driver,start\na.png,v.mp4\n", "line 2 has not as many fields"),
        ("portrait,driver\na.png,v.mp4,0,4\n", "line 2 has not as many fields"),
        ("portrait,driver\na.png,v.mp4\na.png,v.mp4\n", "lists a--v twice"),
        ('portrait,driver\n"a.png,v.mp4\n', "is no CSV file"),
    ],
)
def test_lists_that_cannot_be_used(listed, text, words):
    with pytest.raises(InputError) as refused:
        Pairs(listed(text)).cases()
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_a_list_that_is_not_there_or_no_text(tmp_path):
    with pytest.raises(InputError, match="cannot read the list of pairs"):
        Pairs(tmp_path / "pairs.csv").cases()
    Image.new("RGB", (8, 8)).save(tmp_path / "picture.png")
    with pytest.raises(InputError, match="is no CSV file"):
        Pairs(tmp_path / "picture.png").cases()


def test_pairs_are_judged(evaluate, tmp_path, recordings):
    (tmp_path / "list.csv").write_text("portrait,driver,start,end\nphoto/x.png,a.mp4,0.04,0.24\noil/y.png,b.mp4,,\n")
    folders = ("--videos", recordings.videos, "--portraits", recordings.portraits)
    outcome = evaluate("pairs", tmp_path / "out", "--pairs", tmp_path / "list.csv", "--size", 192, *folders)
    assert outcome.code == 0, outcome
    assert "| cross, n=2 | model | warp | still |" in outcome.out
    lengths = {name: len(list(VideoReader(tmp_path / "out" / "inputs" / name))) for name in ("x--a.mp4", "y--b.mp4")}
    assert lengths == {"x--a.mp4": 5, "y--b.mp4": 7}
    for path in (tmp_path / "out" / "inputs" / "x--a.png", tmp_path / "out" / "results" / "model" / "x--a.mp4"):
        read = load_image(path) if path.suffix == ".png" else next(iter(VideoReader(path)))
        assert read.shape == (192, 192, 3)
    again = evaluate("pairs", tmp_path / "out", "--pairs", tmp_path / "list.csv", *folders)
    assert "suite.size" in error_line(again)


def test_wrong_usage(evaluate, tmp_path):
    assert "needs --pairs" in error_line(evaluate("pairs", tmp_path / "out"))
    assert "has no use for --pairs" in error_line(evaluate("synthbench", tmp_path / "out", "--pairs", "x.csv"))
    assert "cannot read the list" in error_line(evaluate("pairs", tmp_path / "out", "--pairs", tmp_path / "x.csv"))
    assert not (tmp_path / "out").exists()


def test_the_committed_list_is_one(tmp_path):
    """Sixteen pairs of at most four seconds; docs/evaluation.md says where the files come from."""
    text = (COMMITTED).read_text(encoding="utf-8")
    names = {field for line in text.splitlines()[1:] for field in line.split(",")[:2]}
    for name in names:
        (tmp_path / name).write_bytes(b"")
    pairs = read_pairs(COMMITTED, tmp_path, tmp_path)
    assert len(pairs) == 16 and all(pair.end - pair.start <= 4 for pair in pairs)
    table = (COMMITTED.parent / "evaluation.md").read_text(encoding="utf-8")
    assert all(f"| {name} |" in table for name in names)
