"""`index.parquet`: a row for every clip, kept or dropped, and for every source that gave none."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from megactor.curate.settings import CurationSettings
from megactor.media.atomic import atomic_path, os_errors_as_output_errors

INDEX_TABLE = "index.parquet"
MEASURES = (
    *("found", "crowded", "jump", "outside", "face", "side", "doubled", "jitter"),
    *("motion", "score", "brightness", "sharpness", "covered"),
)
"""Columns of what was measured; empty where a clip was dropped before."""


def write_index(
    folder: Path,
    clips: Sequence[Mapping[str, Any]],
    sources: Sequence[Mapping[str, Any]],
    packed: Mapping[str, str],
    selected: Collection[str],
    settings: CurationSettings,
) -> None:
    """Writes the table.

    Args:
        folder: of the shards.
        clips: records.
        sources: records.
        packed: clip -> shard.
        selected: clips for stage 3.
        settings: of the run.
    """
    import pyarrow
    import pyarrow.parquet

    rows = [_clip_row(clip, packed, selected, settings) for clip in clips]
    rows += [_source_row(record) for record in sources if record["reason"] is not None]
    text, number, flag = pyarrow.string(), pyarrow.float64(), pyarrow.bool_()
    columns = {
        **{name: text for name in ("key", "name", "reason", "detail", "shard", "swapped", "styled")},
        **{name: number for name in ("start", "end")},
        "frames": pyarrow.int64(),
        "selected": flag,
        **{name: number for name in MEASURES},
    }
    table = pyarrow.table(
        {name: pyarrow.array([row.get(name) for row in rows], kind) for name, kind in columns.items()}
    )
    target = folder / INDEX_TABLE
    with atomic_path(target, force=True) as path, os_errors_as_output_errors(target):
        pyarrow.parquet.write_table(table, path)


def _clip_row(
    clip: Mapping[str, Any], packed: Mapping[str, str], selected: Collection[str], settings: CurationSettings
) -> dict[str, Any]:
    plan, twins = clip["plan"], clip.get("twins", {})
    return {
        "key": clip["key"],
        "name": printable(plan["source"]["name"]),
        "reason": clip["reason"],
        "detail": printable(clip["detail"]),
        "shard": packed.get(clip["key"]),
        "swapped": twins.get("swapped"),
        "styled": twins.get("styled"),
        "start": start_second(plan, settings),
        "end": start_second(plan, settings) + (plan["last"] - plan["first"]) / settings.fps,
        "frames": plan["last"] - plan["first"],
        "selected": clip["key"] in selected,
        **{name: clip["found"].get(name) for name in MEASURES},
    }


def _source_row(record: Mapping[str, Any]) -> dict[str, Any]:
    name, detail = printable(record["source"]["name"]), printable(record["detail"])
    return {"key": "", "name": name, "reason": record["reason"], "detail": detail, "selected": False}


def start_second(plan: Mapping[str, Any], settings: CurationSettings) -> float:
    """When a clip begins in its source."""
    span = plan["source"]["span"]
    return (span[0] if span else 0.0) + float(plan["first"]) / settings.fps


def printable(text: str) -> str:
    """Text that any file takes: names on disk need not be UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
