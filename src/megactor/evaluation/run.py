"""Judging systems on a suite, in any number of processes, going on where an earlier run stopped."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from megactor.errors import InputError
from megactor.evaluation.case import Case, CaseId
from megactor.evaluation.clip_metrics import Judge
from megactor.evaluation.fingerprint import fingerprint
from megactor.evaluation.rows import Row, append_row, join_settings, read_rows
from megactor.evaluation.suites.suite import Suite
from megactor.evaluation.systems import Still, System, Truth
from megactor.faces.analyzer import FaceAnalyzer, create_analyzer
from megactor.media.atomic import atomic_path, os_errors_as_output_errors
from megactor.media.lock import locked
from megactor.media.writer import VideoWriter
from megactor.metrics import embedding, perceptual
from megactor.metrics.embedding import FaceEmbedding
from megactor.metrics.lpips import Lpips, weight_files
from megactor.metrics.perceptual import PerceptualDistance

INPUTS, TRUTH, RESULTS = "inputs", "truth", "results"
"""Folders of a run: CASE.png and CASE.mp4 that any program can animate, what should come out, what came out."""
_CRF = 16


def evaluate(
    suite: Suite,
    systems: Sequence[System],
    folder: Path,
    clips: int | None = None,
    workers: int = 1,
    weights: Path | None = None,
) -> Iterator[tuple[int, int]]:
    """Judges every system on the first cases of a suite; results that `folder` holds already are not made again.

    Args:
        suite: of cases.
        systems: with different names.
        folder: receives rows, inputs and results; made when it is missing.
        clips: how many cases; None for all.
        workers: processes.
        weights: folder of LPIPS's weights, or None.

    Yields:
        (done, total) cases, first those that were there.

    Raises:
        InputError: the folder belongs to other settings or another run that is at work; more clips than there are; a
            result does not fit.
        ModelError, OutputError: as their makers.
    """
    keys = chosen_cases(suite, clips)
    for system in systems:
        system.check(keys)
    with os_errors_as_output_errors(folder):
        for place in (INPUTS, TRUTH, *(f"{RESULTS}/{system.name}" for system in systems)):
            (folder / place).mkdir(parents=True, exist_ok=True)
    with locked(folder):
        yield from _judge(suite, keys, systems, folder, workers, weights)


def _judge(
    suite: Suite, keys: list[CaseId], systems: Sequence[System], folder: Path, workers: int, weights: Path | None
) -> Iterator[tuple[int, int]]:
    lpips = {"lpips": None if weights is None else fingerprint(weight_files(weights))}
    networks = {"face_distance": embedding, "perceptual_face": perceptual}
    measured = lpips | {name: network.weights_file() is not None for name, network in networks.items()}
    join_settings(folder, suite.settings() | measured, {system.name: system.settings() for system in systems})

    there = {(row.key.name, row.system) for row in read_rows(folder)}
    jobs = []
    for key in keys:
        missing = [system for system in systems if (key.name, system.name) not in there]
        if missing and (key.name, "") not in there:
            jobs.append((key, missing))
    done = len(keys) - len(jobs)
    yield done, len(keys)
    if not jobs:
        return
    for rows in _rows_of(suite, jobs, folder, weights, min(workers, len(jobs))):
        for row in rows:
            append_row(folder, row)
        done += 1
        yield done, len(keys)


def chosen_cases(suite: Suite, clips: int | None) -> list[CaseId]:
    """The first cases of a suite.

    Raises:
        InputError: there are not so many.
    """
    keys = suite.cases()
    if clips is not None and not 0 < clips <= len(keys):
        raise InputError(f"the suite has {len(keys)} clips: ask for 1 to {len(keys)}, not {clips}")
    return keys[:clips]


def judge_case(suite: Suite, key: CaseId, systems: Sequence[System], folder: Path, weights: Path | None) -> list[Row]:
    """Makes a case, runs systems on it and keeps their videos.

    Returns:
        A row for each system, or a single one that says why there are none.
    """
    analyzer = _analyzer()
    try:
        case = suite.load(key, analyzer)
    except InputError as error:  # one bad file of many is no reason to stop
        return [Row(key, "", {}, skipped=str(error))]
    with atomic_path(folder / INPUTS / f"{key.name}.png", force=True) as path:
        Image.fromarray(case.portrait).save(path, format="PNG")
    _save(folder / INPUTS / f"{key.name}.mp4", case, case.driver)
    if case.truth is not None:
        _save(folder / TRUTH / f"{key.name}.mp4", case, case.truth)
    judge = Judge(case, analyzer, None if weights is None else _lpips(weights), _embedding(), _perceptual())
    rows = []
    for system in systems:
        frames = system.frames(case, analyzer)
        if not isinstance(system, Truth | Still):  # which lie in the two folders above
            _save(folder / RESULTS / system.name / f"{key.name}.mp4", case, frames)
        rows.append(Row(key, system.name, judge.metrics(frames)))
    return rows


def _save(path: Path, case: Case, frames: np.ndarray) -> None:
    height, width = frames.shape[1:3]
    with VideoWriter(path, case.fps, (width, height), force=True, crf=_CRF, reproducible=True) as writer:
        for frame in frames:
            writer.write(frame)


PendingCase = tuple[CaseId, list[System]]


def _rows_of(
    suite: Suite, jobs: list[PendingCase], folder: Path, weights: Path | None, workers: int
) -> Iterator[list[Row]]:
    """`judge_case` of every job, in any order; a single worker is this very process."""
    if workers == 1:
        _one_thread()
        yield from (judge_case(suite, key, systems, folder, weights) for key, systems in jobs)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_one_thread) as pool:
        try:
            futures = [pool.submit(judge_case, suite, key, systems, folder, weights) for key, systems in jobs]
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _one_thread() -> None:
    """One process a core: more threads would only fight for them, and sums in another order differ in the last bit."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@cache
def _analyzer() -> FaceAnalyzer:
    return create_analyzer()


@cache
def _embedding() -> FaceEmbedding | None:
    return FaceEmbedding() if embedding.weights_file() is not None else None


@cache
def _perceptual() -> PerceptualDistance | None:
    return PerceptualDistance.load() if perceptual.weights_file() is not None else None


@cache
def _lpips(folder: Path) -> Lpips:
    return Lpips.load(folder)
