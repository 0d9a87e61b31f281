"""The whole batch: what is missing is given to workers, and the index tells what came out."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from megactor.batch.pairs import Pair
from megactor.batch.store import Store
from megactor.compute.cluster import run_workers, started_ray
from megactor.errors import MegActorError
from megactor.media.atomic import atomic_path, os_errors_as_output_errors
from megactor.result import Progress

INDEX = "index.csv"
_FACTS = ("frames", "width", "height", "fps", "seconds")
_COLUMNS = ("row", "portrait", "driving", "output", "state", "error", "warnings", *_FACTS)


@dataclass(frozen=True)
class Outcome:
    """How a batch ended.

    done: pairs whose results are there, those of earlier runs among them.
    failed: the first and how many.
    example: why the first of them failed.
    """

    done: int
    failed: int
    example: str


def animate_pairs(
    pairs: Sequence[Pair],
    output: Path,
    model: Mapping[str, str],
    progress: Progress,
    sign: tuple[str, str] | None = None,
    workers: int = 0,
    ray_address: str | None = None,
) -> Outcome:
    """Makes the results of a list; goes on where a run in the same folder stopped, and tries what failed again.

    Args:
        pairs: what there is to make.
        output: folder of the results; made if its parent exists.
        model: "model", "device" and "dtype" of `MegActorPipeline.from_preset`.
        progress: told the stage "pairs".
        sign: files of certificates and key, or None.
        workers: processes; 0 for one a core, or one a GPU.
        ray_address: of a cluster whose machines see the same files; None for this machine.

    Raises:
        InputError: the folder holds something else, or another run is at work in it.
        ModelError, OutputError: nothing more can be made.
    """
    store = Store(output.absolute())
    with store.claimed({"model": model["model"], "dtype": model["dtype"], "signed": sign is not None}):
        todo = [pair for pair in pairs if (store.record(pair) or {"error": "?"})["error"]]
        done = len(pairs) - len(todo)
        progress("pairs", done, len(pairs))
        try:
            if todo:
                _work(store, todo, done, len(pairs), model, progress, sign, workers, ray_address)
        finally:  # also for whoever stops it: what is there is told
            records = [store.record(pair) for pair in pairs]
            _write_index(store.folder / INDEX, pairs, records)
    failed = [(pair, record) for pair, record in zip(pairs, records, strict=True) if record and record["error"]]
    example = f"row {failed[0][0].number}: {failed[0][1]['error']}" if failed else ""
    return Outcome(sum(bool(record) for record in records) - len(failed), len(failed), example)


def _work(
    store: Store,
    todo: Sequence[Pair],
    done: int,
    total: int,
    model: Mapping[str, str],
    progress: Progress,
    sign: tuple[str, str] | None,
    workers: int,
    ray_address: str | None,
) -> None:
    from megactor.batch.work import PairWorker

    arguments = {"folder": str(store.folder), "run": store.run, **model, "sign": sign}
    with started_ray(ray_address, workers) as cores:
        gpus = _gpus(model["device"])
        count = min(cores, gpus) if gpus and not workers else cores
        share = min(1.0, gpus / count) if gpus else 0
        for row in run_workers(PairWorker, arguments, [asdict(pair) for pair in todo], count, share):
            if row["fatal"]:
                raise MegActorError(row["fatal"])
            done += 1
            progress("pairs", done, total)


def _gpus(device: str) -> int:
    """How many GPUs the workers share."""
    import ray

    return 0 if device not in ("auto", "cuda") else int(ray.cluster_resources().get("GPU", 0))


def _write_index(path: Path, pairs: Sequence[Pair], records: Sequence[Mapping[str, Any] | None]) -> None:
    with (
        os_errors_as_output_errors(path),
        atomic_path(path, force=True) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        table = csv.DictWriter(file, _COLUMNS)
        table.writeheader()
        for pair, record in zip(pairs, records, strict=True):
            known = record or {}
            row: dict[str, Any] = {"row": pair.number, "portrait": pair.portrait, "driving": pair.driving}
            row |= {"output": pair.output, "state": "waiting" if record is None else "done"}
            if known.get("error"):
                row |= {"state": "failed", "error": known["error"]}
            row |= {"warnings": "; ".join(known.get("warnings", ()))}
            table.writerow(row | {name: known.get(name, "") for name in _FACTS})
