"""Lists of pairs: three kinds of files, and what is wrong with them in one line."""

import json
from pathlib import Path

import pytest

from megactor.batch.pairs import checked_options, read_pairs
from megactor.errors import InputError

ROWS = [
    {"portrait": "me.png", "driving": "/films/talk.mp4", "size": 128, "motion_scale": 0.5, "paste_back": True},
    {"portrait": "you.png", "driving": "talk.mp4", "output": "you.gif", "audio": False, "start": 1},
]


def write(path: Path, rows: list[dict]) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    elif path.suffix == ".csv":
        names = list({name: None for row in rows for name in row})
        lines = [",".join(str(row.get(name, "")) for name in names) for row in rows]
        path.write_text("\ufeff" + "\n".join([",".join(names), *lines]) + "\n", encoding="utf-8")
    else:
        parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
        parquet.write_table(pytest.importorskip("pyarrow").Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_the_same_list_in_every_form(suffix: str, tmp_path: Path) -> None:
    # a table of Parquet has one type a column and its columns from the first row
    rows = [{**dict.fromkeys((name for row in ROWS for name in row), None), **row} for row in ROWS]
    if suffix != ".parquet":
        rows = ROWS
    first, second = read_pairs(write(tmp_path / f"list{suffix}", rows), ".mp4", {"seed": "7", "size": "64"})
    assert (first.portrait, first.driving) == (str(tmp_path / "me.png"), "/films/talk.mp4")
    assert (first.output, second.output) == ("000001-me-talk.mp4", "you.gif")
    options, audio = checked_options(first.options)
    assert (options.size, options.motion_scale, options.paste_back, options.seed, audio) == (128, 0.5, True, 7, True)
    options, audio = checked_options(second.options)
    assert (options.size, options.start, audio) == (64, 1.0, False)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("portrait,driver\na,b\n", "has 'driver', which means nothing"),
        ("portrait,driving\na,\n", "row 1 of .* has no driving"),
        ("portrait,driving\n", "the list has no rows"),
        ("portrait,driving,output\na,b,../x.mp4\n", "must be a name that ends in"),
        ("portrait,driving,output\na,b,x.txt\n", "must be a name that ends in"),
        ("portrait,driving,output\na,b,x.mp4\na,c,X.mp4\n", "rows 1 and 2 of .* have the same output"),
        ("portrait,driving\na,b,c\n", "more fields than the first line names"),
    ],
)
def test_lists_that_are_refused(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        read_pairs(path, ".mp4", {})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"steps": "many"}, "steps is 'many', but must be a whole number"),
        ({"steps": 2.5}, "must be a whole number"),
        ({"audio": "perhaps"}, "must be true or false"),
        ({"size": "100"}, "not divisible by 8"),
        ({"start": "x"}, "start is 'x', but must be a number"),
        ({"portrait_crop": "x"}, "portrait crop is 'x', but must be X,Y,SIDE"),
        ({"portrait_crop": [1, 2]}, "portrait crop is '1,2', but must be X,Y,SIDE"),
        ({"portrait_crop": 7}, "portrait_crop is 7, but must be three numbers"),
    ],
)
def test_values_that_are_refused(options: dict, says: str) -> None:
    with pytest.raises(InputError, match=says):
        checked_options(options)


@pytest.mark.parametrize("crop", ["1,2,30", [1, 2, 30]])
def test_a_square_is_text_or_three_numbers(crop: object) -> None:
    options, _ = checked_options({"portrait_crop": crop})
    assert options.portrait_crop == (1.0, 2.0, 30.0)


def test_another_kind_of_list(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("me.png talk.mp4")
    with pytest.raises(InputError, match=r"use one of \.csv, \.jsonl"):
        read_pairs(tmp_path / "list.txt", ".mp4", {})
