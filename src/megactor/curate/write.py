"""Clips to files: the sample of one clip, and many of them packed into shards of about equal size."""

import contextlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from megactor.curate.clip import CuratedClip
from megactor.curate.index import printable, start_second
from megactor.curate.settings import CurationSettings
from megactor.curate.store import SCHEMA, Store
from megactor.media.atomic import atomic_path, os_errors_as_output_errors
from megactor.media.provenance import GENERATED_COMMENT
from megactor.media.writer import VideoWriter

FILMED_COMMENT = "Cut from a recording by MegActor for training."


def write_part(store: Store, key: str, clip: CuratedClip, settings: CurationSettings) -> int:
    """Writes the files of a kept clip, complete or not at all; returns their bytes."""
    target = store.part(key)
    with os_errors_as_output_errors(target):
        target.parent.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=store.scratch) as scratch,
        atomic_path(target, force=True) as unfinished,
        os_errors_as_output_errors(target),
        tarfile.open(unfinished, "w") as tar,
    ):
        for stream, pictures in clip.pictures.items():
            path = Path(scratch, f"{stream}.mp4")
            comment = FILMED_COMMENT if stream == "target" else GENERATED_COMMENT
            with VideoWriter(
                path,
                settings.fps,
                (settings.size, settings.size),
                crf=settings.crf,
                preset="veryfast",
                reproducible=True,
                comment=comment,
            ) as writer:
                for picture in pictures:
                    writer.write(picture)
            _add(tar, f"{key}.mp4" if stream == "target" else f"{key}.{stream}.mp4", path.read_bytes())
        packed = io.BytesIO()
        arrays: dict[str, Any] = clip.arrays
        np.savez_compressed(packed, **arrays)
        _add(tar, f"{key}.truth.npz", packed.getvalue())
    return target.stat().st_size


def pack(store: Store, kept: Mapping[str, Mapping[str, Any]], settings: CurationSettings) -> Iterator[int]:
    """Moves waiting clips into shards, in the order of their keys, which is a random one.

    A shard that is there stays as it is; files wait until the shard that holds them is there. So it may be killed
    anywhere, and the result is the same.

    Args:
        store: of the run.
        kept: key -> what the sample's `json` says, of all clips that are kept.
        settings: of the run.

    Yields:
        The number of clips that are packed so far.
    """
    there = store.packed()
    for key in there:
        store.part(key).unlink(missing_ok=True)
    waiting = sorted(key for key in kept if key not in there)
    done = sum(key in there for key in kept)
    yield done
    number = max((int(path.stem.partition("-")[2]) for path in store.shards()), default=-1)
    most = settings.shard_mb * 1e6
    for shard in _of_size(waiting, store, most):
        number += 1
        target = store.folder / f"clips-{number:06d}.tar"
        with (
            atomic_path(target) as unfinished,
            os_errors_as_output_errors(target),
            tarfile.open(unfinished, "w") as tar,
        ):
            for key in shard:
                for name, content in _members(store.part(key)):
                    _add(tar, name, content)
                _add(tar, f"{key}.json", json.dumps(kept[key]).encode())
        for key in shard:
            store.part(key).unlink(missing_ok=True)
        done += len(shard)
        yield done


def about(record: Mapping[str, Any], settings: CurationSettings, selected: bool) -> dict[str, Any]:
    """What the sample's `json` says of a kept clip."""
    plan = record["plan"]
    return {
        "schema": SCHEMA,
        "source": "curated",
        "fps": settings.fps,
        "frames": record["frames"],
        "size": settings.size,
        "name": printable(plan["source"]["name"]),
        "start": start_second(plan, settings),
        "end": start_second(plan, settings) + (plan["last"] - plan["first"]) / settings.fps,
        "twins": record["twins"],
        "found": record["found"],
        "score": record["found"]["score"],
        "selected": selected,
    }


def _of_size(keys: Iterable[str], store: Store, most: float) -> Iterator[list[str]]:
    shard: list[str] = []
    size = 0
    for key in keys:
        length = store.part(key).stat().st_size
        if shard and size + length > most:
            yield shard
            shard, size = [], 0
        shard.append(key)
        size += length
    if shard:
        yield shard


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is not None:
                with contextlib.closing(file):
                    yield member.name, file.read()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # no times, no owner: the same clips give the same bytes
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
