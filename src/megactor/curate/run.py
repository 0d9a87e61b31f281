"""The whole run: find sources, cut them, curate clips, compare them, pack shards, report."""

import itertools
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from megactor.compute.cluster import free_bytes, run_workers, started_ray
from megactor.curate.clip import ClipPlan
from megactor.curate.duplicates import Signature, find_duplicates, preferred_first
from megactor.curate.failures import AGAIN, ENOUGH, FailureCount, most_failures
from megactor.curate.select import strongest
from megactor.curate.settings import CurationSettings
from megactor.curate.sources import Source
from megactor.curate.store import Store
from megactor.curate.work import ClipWorker, SourceWorker
from megactor.curate.write import about, pack
from megactor.errors import MegActorError, OutputError
from megactor.media.container import probe
from megactor.result import Progress

LEAST_FREE = 2 * 10**9
"""Bytes of free disk below which a run does not start."""
BYTES_A_PIXEL = 0.13
"""Of all streams of a kept clip together with its annotations, at crf 12, measured on talking heads."""
_PROBES = 40


@dataclass(frozen=True)
class Outlook:
    """What is known before any work.

    sources: how many, by kind.
    hours: of video, from a sample of the files; None where nothing could be measured.
    most_bytes: what the shards need if every second is kept; None likewise.
    free: bytes of free disk.
    """

    sources: Mapping[str, int]
    hours: float | None
    most_bytes: float | None
    free: int


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    kept, selected: clips.
    reasons: how many clips and sources were dropped, by reason.
    examples: reason -> name and error of one of them, for reasons that are faults of ours.
    shards: tar files in the folder.
    seconds: worker seconds by stage.
    """

    kept: int
    selected: int
    reasons: Mapping[str, int]
    examples: Mapping[str, str]
    shards: int
    seconds: Mapping[str, float]


def look_ahead(sources: Sequence[Source], output: Path, settings: CurationSettings) -> Outlook:
    """Estimates length and disk space from headers of some of the sources."""
    hours = _hours(sources, settings)
    seconds = None if hours is None else hours * 3600
    most = None if seconds is None else seconds * settings.fps * settings.size**2 * BYTES_A_PIXEL
    return Outlook(Counter(source.kind for source in sources), hours, most, free_bytes(output))


def _hours(sources: Sequence[Source], settings: CurationSettings) -> float | None:
    lengths = []
    for source in itertools.islice(sources, 0, None, max(1, len(sources) // _PROBES)):
        try:
            lengths.append(_seconds(source, settings))
        except (MegActorError, OSError):
            lengths.append(0.0)
    return sum(lengths) / len(lengths) * len(sources) / 3600 if any(lengths) else None


def _seconds(source: Source, settings: CurationSettings) -> float:
    if source.span is not None:
        return source.span[1] - source.span[0]
    if source.kind == "video" and not os.path.exists(source.path):
        return 0.0  # remote
    if source.kind == "video":
        return float(probe(source.path).duration or 0)
    if source.kind == "pictures":
        return len(os.listdir(source.path)) / settings.frames_fps
    return 0.0


def curate(
    sources: Sequence[Source],
    output: Path,
    settings: CurationSettings,
    progress: Progress,
    twins: Sequence[str] = (),
    donors: Path | None = None,
    workers: int = 0,
    ray_address: str | None = None,
) -> Outcome:
    """Makes shards of sources; goes on where an earlier run in the same folder stopped.

    Args:
        sources: what there is.
        output: folder of the shards; made if its parent exists.
        settings: how.
        progress: called with stage, done and total.
        twins: names of the backends.
        donors: portraits for the backends.
        workers: processes; 0 for one a core.
        ray_address: of a cluster whose machines see the same files; None for this machine.

    Raises:
        InputError: the folder holds something else, or another run is at work in it.
        OutputError: too little disk, or the folder cannot be written.
        MegActorError: most clips or sources failed for one cause; what is good was packed all the same.
    """
    free = free_bytes(output)
    if free < LEAST_FREE:
        raise OutputError(f"only {free / 1e9:.1f} GB free for {output}: {LEAST_FREE / 1e9:g} GB are the least")
    output = output.absolute()
    store = Store(output)
    with store.claimed(settings, twins):
        _work(store, sources, settings, progress, twins, donors, workers, ray_address)
        outcome = finish(store, settings, progress)
        for records in (list(store.sources()), list(_slim(store.clips()))):
            failed = most_failures(records)
            if failed.most_of(len(records)):
                raise MegActorError(failed.message(len(records)))
        return outcome


def _work(
    store: Store,
    sources: Sequence[Source],
    settings: CurationSettings,
    progress: Progress,
    twins: Sequence[str],
    donors: Path | None,
    workers: int,
    ray_address: str | None,
) -> None:
    uncut = [source for source in sources if _to_do(store.source(source))]
    if not uncut and not _unfinished(store, sources):
        return
    common = {"folder": store.folder, "run": store.run, "settings": settings}
    with started_ray(ray_address, workers) as count:
        jobs = [source.to_dict() for source in uncut]
        _drain(
            run_workers(SourceWorker, common, jobs, count), "shots", len(sources) - len(jobs), len(sources), progress
        )
        plans, todo = len(_plans(store, sources)), _unfinished(store, sources)
        jobs = [plan.to_dict() for plan in todo]
        more = {"twins": tuple(twins), "donors": donors}
        _drain(run_workers(ClipWorker, common | more, jobs, count), "clips", plans - len(jobs), plans, progress)


def _drain(rows: Iterator[dict[str, str]], stage: str, done: int, total: int, progress: Progress) -> None:
    if total:
        progress(stage, done, total)
    failed = FailureCount()
    for row in rows:
        if row["fatal"]:
            raise OutputError(row["fatal"])
        done += 1
        progress(stage, done, total)
        if row["reason"] in AGAIN:
            failed.add(row["name"], row["detail"])
            most = failed.most()
            if most.count >= ENOUGH and most.most_of(done):
                raise MegActorError(most.message(done) + "; stopped, the same command goes on")


def _to_do(record: Mapping[str, Any] | None) -> bool:
    return record is None or record.get("reason") in AGAIN


def _plans(store: Store, sources: Sequence[Source]) -> list[ClipPlan]:
    plans = []
    for source in sources:
        record = store.source(source)
        plans += [ClipPlan(source, first, last) for first, last in (record or {"clips": []})["clips"]]
    return plans


def _unfinished(store: Store, sources: Sequence[Source]) -> list[ClipPlan]:
    packed = store.packed()
    found = []
    for plan in _plans(store, sources):
        record = store.clip(plan)
        there = plan.key in packed or store.part(plan.key).exists()
        if _to_do(record) or (record is not None and record["reason"] is None and not there):
            found.append(plan)
    return found


def finish(store: Store, settings: CurationSettings, progress: Progress) -> Outcome:
    """Compares all clips of the folder, packs the kept ones, and writes index and report."""
    from megactor.curate.index import write_index
    from megactor.curate.report import write_report

    clips = list(_slim(store.clips()))
    packed = store.packed()
    good = {clip["key"]: clip for clip in clips if clip["reason"] is None}
    duplicates = _find_duplicates(good, packed, settings)
    for key, original in duplicates.items():
        good[key]["reason"], good[key]["detail"] = "duplicate", original
        store.drop_clip(key, "duplicate", original)
    kept = {key: clip for key, clip in good.items() if key not in duplicates}
    chosen = strongest({key: clip["found"]["score"] for key, clip in kept.items()}, settings.strongest)
    told = {key: about(clip, settings, key in chosen) for key, clip in kept.items()}
    for done in pack(store, told, settings):
        progress("pack", done, len(kept))
    sources = list(store.sources())
    packed = store.packed()
    write_index(store.folder, clips, sources, packed, chosen, settings)
    write_report(store, clips, sources, chosen, settings)
    lost = [record["reason"] for record in (*clips, *sources) if record["reason"] is not None]
    examples = {reason: most_failures([*clips, *sources], [reason]).example for reason in AGAIN if reason in lost}
    seconds: Counter[str] = Counter()
    for record in (*sources, *clips):
        seconds.update(record["seconds"])
    return Outcome(len(kept), len(chosen), Counter(lost), examples, len(store.shards()), seconds)


def _slim(records: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Without the pictures for the report, which are read again when they are shown."""
    for record in records:
        yield {name: value for name, value in record.items() if name != "strip"}


def _find_duplicates(
    good: Mapping[str, Mapping[str, Any]], packed: Mapping[str, str], settings: CurationSettings
) -> dict[str, str]:
    """Packed clips come first: what is in a shard stays there."""
    marks = [(key, clip["found"]["side"], Signature.from_dict(clip["signature"])) for key, clip in good.items()]
    before = preferred_first(mark for mark in marks if mark[0] in packed)
    after = preferred_first(mark for mark in marks if mark[0] not in packed)
    found = find_duplicates([*before, *after], settings.most_alike)
    return {key: original for key, original in found.items() if key not in packed}
