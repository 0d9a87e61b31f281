"""A model on SynthBench: rendered clips with the true frame for every result, self- and cross-driven."""

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from megactor.errors import InputError
from megactor.evaluation.aligned import animate_aligned
from megactor.evaluation.clip_metrics import clip_metrics
from megactor.media.atomic import atomic_path, os_errors_as_output_errors
from megactor.metrics.statistics import Estimate, estimate
from megactor.options import AnimationOptions
from megactor.pipeline import MegActorPipeline
from megactor.synth.bust import build_bust
from megactor.synth.renderer import Renderer
from megactor.synth.rig import Rig, find_rig
from megactor.synth.synthbench import BenchClip, BenchItem, bench_items, render_bench
from megactor.weights import model_folder

VERSION = 2
"""Of the metrics: rows of another version are not mixed with new ones."""
ROWS = "clips.jsonl"
STRIPS = "strips"
_SHOWN = (8, 20, 32, 44)
_STRIP_SIZE = 128


@dataclass(frozen=True)
class ClipScore:
    """One clip.

    name, style: of the clip and of its portrait.
    metrics: name -> value, NaN where it has none.
    """

    name: str
    style: str
    metrics: dict[str, float]

    @property
    def cross(self) -> bool:
        """Whether another person drives."""
        return self.name.endswith("cross")


@dataclass(frozen=True)
class Settings:
    """How a model is run.

    model: preset or folder.
    steps, guidance: None for the model's own.
    size: of clips and results in pixels.
    rig: file, or None for the installed one.
    speed: preset, see `options.SPEEDS`.
    """

    model: str
    steps: int | None = None
    guidance: float | None = None
    size: int = 256
    rig: Path | None = None
    speed: str = "exact"


def evaluate(settings: Settings, clips: int, folder: Path, workers: int = 1) -> Iterator[ClipScore]:
    """Animates and scores the first clips of SynthBench; those that `folder` holds already are not done again.

    Args:
        settings: model and how it is run.
        clips: how many.
        folder: receives a line a clip and a strip of pictures of each; made when it is missing.
        workers: processes.

    Yields:
        Every clip's score, in any order.

    Raises:
        InputError: the folder belongs to other settings; more clips than there are.
        ModelError, RigError: as their loaders.
    """
    items = bench_items()
    if not 0 < clips <= len(items):
        raise InputError(f"SynthBench has {len(items)} clips: ask for 1 to {len(items)}, not {clips}")
    find_rig(settings.rig)
    with os_errors_as_output_errors(folder):
        (folder / STRIPS).mkdir(parents=True, exist_ok=True)
    _check_settings(folder / "settings.json", settings)
    done = {score.name: score for score in read_scores(folder)}
    wanted = items[:clips]
    yield from (done[item.name] for item in wanted if item.name in done)
    missing = [item for item in wanted if item.name not in done]
    if not missing:
        return
    with ProcessPoolExecutor(min(workers, len(missing)), get_context("spawn"), initializer=_one_thread) as pool:
        try:
            for job in as_completed([pool.submit(_score, item, settings, folder / STRIPS) for item in missing]):
                score = job.result()
                with os_errors_as_output_errors(folder), (folder / ROWS).open("a", encoding="utf-8") as file:
                    # the newline comes first: a line that a killed run left unfinished must not swallow this one
                    file.write("\n" + json.dumps(known(asdict(score))))
                yield score
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def read_scores(folder: Path) -> list[ClipScore]:
    """Scores of finished clips; a line that a killed run left unfinished is ignored."""
    path = folder / ROWS
    scores = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            values = json.loads(line)
            metrics = {name: float("nan") if value is None else value for name, value in values["metrics"].items()}
            scores.append(ClipScore(values["name"], values["style"], metrics))
        except (ValueError, TypeError, KeyError):
            continue
    return scores


def known(value: Any) -> Any:
    """JSON has no NaN: None in its place, at any depth."""
    if isinstance(value, dict):
        return {name: known(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value


def summarize(scores: list[ClipScore]) -> dict[str, dict[str, Estimate]]:
    """Part of the test set ("cross", "self", "photo", "drawn") -> metric -> estimate."""
    parts = {
        "cross": [score for score in scores if score.cross],
        "self": [score for score in scores if not score.cross],
        "photo": [score for score in scores if score.cross and score.style == "photo"],
        "drawn": [score for score in scores if score.cross and score.style != "photo"],
    }
    return {
        part: {name: estimate([score.metrics[name] for score in members]) for name in members[0].metrics}
        for part, members in parts.items()
        if members
    }


def _check_settings(path: Path, settings: Settings) -> None:
    """Rows of one folder come from the same settings, weights and metrics, however often it was gone on with."""
    wanted = asdict(settings) | {"rig": None, "weights": _fingerprint(model_folder(settings.model)), "version": VERSION}
    if settings.speed == "exact":
        del wanted["speed"]  # as in folders from before there were others
    if path.exists():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            found = None
        if found != wanted:
            raise InputError(f"{path.parent} holds results of other settings or weights: choose another folder")
        return
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")


def _fingerprint(folder: Path) -> str:
    """Changes with any file of a model."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in {".json", ".safetensors", ".bin"}):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _one_thread() -> None:
    torch.set_num_threads(1)  # one process a core: more threads would only fight for them
    cv2.setNumThreads(1)


@cache
def _pipeline(model: str) -> MegActorPipeline:
    return MegActorPipeline.from_preset(model)


@cache
def _renderer(rig: Path | None) -> Renderer:
    return Renderer(build_bust(Rig.load(find_rig(rig))))


def _score(item: BenchItem, settings: Settings, strips: Path) -> ClipScore:
    renderer, pipe = _renderer(settings.rig), _pipeline(settings.model)
    (clip,) = render_bench(renderer, [item], settings.size)
    truth, driver = (np.stack([frame.pictures[name] for frame in clip.frames]) for name in ("target", item.driver))
    landmarks = np.stack([frame.rendered[item.driver].landmarks for frame in clip.frames])
    options = AnimationOptions(steps=settings.steps, guidance=settings.guidance, speed=settings.speed)
    result = animate_aligned(pipe, clip.portrait, driver, landmarks, options)
    _save_strip(strips / f"{item.name}.jpg", clip, driver, result, truth)

    scores = clip_metrics(pipe.analyzer, clip, result, renderer.bust.rig.expression_names)
    return ClipScore(item.name, item.plan.performers["target"].style.name, scores)


def _save_strip(path: Path, clip: BenchClip, driver: np.ndarray, result: np.ndarray, truth: np.ndarray) -> None:
    """Some moments of a clip, each as portrait, driver, result, truth."""
    columns = []
    for index in _SHOWN:
        for picture in (clip.portrait, driver[index], result[index], truth[index]):
            columns.append(cv2.resize(picture, (_STRIP_SIZE, _STRIP_SIZE), interpolation=cv2.INTER_AREA))
    Image.fromarray(np.hstack(columns)).save(path, quality=90)
