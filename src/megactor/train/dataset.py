"""Sample number n of a run: which clip, which frames, which changes. Nothing here remembers anything between samples,
so that a run can be interrupted anywhere and a batch is the same however many processes share it.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import cast

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from megactor.errors import InputError
from megactor.synth.clips.variety import Variety
from megactor.train.clips import BrokenClipError, ClipSource
from megactor.train.data_config import DataConfig
from megactor.train.rendered import RenderedClips
from megactor.train.samples import Batch, collate, cut_landmarks, cut_sample, resized

ATTEMPTS = 20
"""Clips that may be broken one after the other before a sample is given up."""

_log = logging.getLogger(__name__)


class Samples(Dataset[dict[str, np.ndarray]]):
    """All samples of a run, by number.

    Args:
        config: where samples come from.
        seed: of the run.
    """

    def __init__(self, config: DataConfig, seed: int) -> None:
        self.config, self.seed = config, seed
        self.sources, weights = _sources(config)
        self._told: set[str] = set()
        self._shares = np.array(weights) / sum(weights)
        self._strongest: list[np.ndarray | None] = [
            source.strongest(config.strongest) if config.strongest < 1 else None for source in self.sources
        ]

    def __getitem__(self, number: int) -> dict[str, np.ndarray]:
        """Sample `number`, as `cut_sample` makes it, with its "number" and how many broken clips were "skipped".

        Raises:
            InputError: clip after clip is broken.
        """
        for attempt in range(ATTEMPTS):
            rng = np.random.default_rng([self.seed, number, attempt])
            which = int(rng.choice(len(self.sources), p=self._shares))
            source, clip = self.sources[which], self._chosen(which, number, rng)
            try:
                sample = self._cut(source, clip, rng)
            except BrokenClipError as error:
                last = f"{source.name(clip)}: {error}"
                if last not in self._told:  # once in each process: it will be drawn again
                    self._told.add(last)
                    _log.warning("skipped: %s", last)
                continue
            return sample | {"number": np.array(number), "skipped": np.array(attempt)}
        raise InputError(f"{ATTEMPTS} clips in a row cannot be used; the last: {last}")

    def notes(self) -> list[str]:
        """What is to be known of the sources before they are used, a line each."""
        return [note for source in self.sources for note in getattr(source, "notes", ())]

    def _cut(self, source: ClipSource, clip: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        if not self.config.pictures:
            return cut_landmarks(source.landmarks(clip), self.config, rng)
        return cut_sample(resized(source.clip(clip), self.config.size), self.config, rng)

    def _chosen(self, which: int, number: int, rng: np.random.Generator) -> int:
        source, strongest = self.sources[which], self._strongest[which]
        if strongest is not None:
            return int(rng.choice(strongest))
        reuse = self.config.rendered.reuse if isinstance(source, RenderedClips) and self.config.rendered else None
        first = 0 if reuse is None else int(number / reuse)
        return first + int(rng.integers(len(source)))


class _Batches(Sampler[list[int]]):
    """Numbers of the samples of one process, step after step: every world_size-th of each backward pass's batch."""

    def __init__(self, first: int, last: int, batch: int, rank: int, world_size: int) -> None:
        self.first, self.last, self.batch, self.rank, self.world_size = first, last, batch, rank, world_size

    def __iter__(self) -> Iterator[list[int]]:
        for start in range(self.first, self.last, self.batch):
            yield list(range(start + self.rank, start + self.batch, self.world_size))

    def __len__(self) -> int:
        return (self.last - self.first) // self.batch


def samples_of_a_pass(batch: int, passes: int, processes: int) -> int:
    """Samples of one backward pass over all processes.

    Args:
        batch: samples of a step.
        passes: backward passes of a step.
        processes: that share every pass.

    Raises:
        InputError: they cannot be shared evenly.
    """
    if batch % passes:
        raise InputError(
            f"optimizer.batch is {batch}, which cannot be split into optimizer.accumulation={passes} passes"
        )
    if batch % (passes * processes):
        fewer = max(number for number in range(1, processes) if batch % (passes * number) == 0)
        larger = -(-batch // (passes * processes)) * passes * processes
        raise InputError(
            f"optimizer.batch is {batch}, the samples of a step over all processes: {processes} processes cannot share "
            f"them evenly; start {fewer}, or give --set optimizer.batch={larger}"
        )
    return batch // passes


def sample_loader(
    samples: Samples, first: int, last: int, batch: int, rank: int = 0, world_size: int = 1, workers: int = 0
) -> DataLoader[Batch]:
    """Batches of one process.

    Args:
        samples: of the run.
        first: number of the first sample.
        last: number after the last.
        batch: samples of one backward pass over all processes; divisible by `world_size`.
        rank: of this process.
        world_size: number of processes.
        workers: processes that prepare samples; 0 prepares them in this one.
    """
    more = {"multiprocessing_context": "spawn", "prefetch_factor": 4} if workers else {}
    return DataLoader(
        cast("Dataset[Batch]", samples),  # batches are what `collate` makes of its items
        batch_sampler=_Batches(first, last, batch, rank, world_size),
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=_one_thread,
        pin_memory=torch.cuda.is_available(),
        **more,  # type: ignore[arg-type]
    )


def _one_thread(_: int) -> None:
    cv2.setNumThreads(1)  # one process a core: threads of OpenCV would only fight for them
    torch.set_num_threads(1)


def _sources(config: DataConfig) -> tuple[Sequence[ClipSource], list[float]]:
    sources: list[ClipSource] = []
    weights = []
    if config.rendered is not None:
        rendered = config.rendered
        sources.append(
            RenderedClips(
                rendered.clips,
                rendered.frames,
                rendered.fps,
                config.size,
                rendered.sources,
                rendered.first_seed,
                rendered.cache,
                rendered.rig,
                rendered.framing_jitter,
                Variety(
                    talking=rendered.talking,
                    details=rendered.details,
                    blurred=rendered.blurred,
                    shaken=rendered.shaken,
                    repeated=rendered.repeated,
                ),
                config.layers,
            )
        )
        weights.append(rendered.weight)
    if config.shards:
        from megactor.train.shards import ShardClips  # PyAV: rendered clips do without it
    for shards in config.shards:
        sources.append(ShardClips(shards.urls))
        weights.append(shards.weight)
    return sources, weights
