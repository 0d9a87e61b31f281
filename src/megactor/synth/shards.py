"""Clips as webdataset shards: tar files that appear complete or not at all. docs/data-format.md has the schema."""

import contextlib
import dataclasses
import io
import json
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import webdataset

from megactor.errors import InputError
from megactor.media.atomic import os_errors_as_output_errors
from megactor.media.writer import VideoWriter
from megactor.synth.bust import build_bust
from megactor.synth.clip import STREAMS, Clip, plan_clip
from megactor.synth.renderer import Renderer
from megactor.synth.rig import Rig, find_rig
from megactor.synth.truth import collect_truth

INDEX = "index.json"
SCHEMA = "megactor-clips-1"
_QUALITY = 12
"""H.264 crf of the clips: artifacts must not be learned."""


@dataclass(frozen=True)
class ShardPlan:
    """What a folder of shards holds; written to `index.json`.

    clips, frames, size, fps: how many, how long, how large, how fast.
    seed: clip number n is planned from `seed + n`.
    clips_per_shard: how many share a tar file.
    framing_jitter: see `plan_clip`.
    """

    clips: int
    frames: int
    size: int
    fps: float = 25.0
    seed: int = 0
    clips_per_shard: int = 16
    framing_jitter: float = 0.0

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            InputError: one of them makes no sense.
        """
        for name in ("clips", "frames", "size", "fps", "clips_per_shard"):
            if getattr(self, name) <= 0:
                raise InputError(f"{name.replace('_', ' ')} must be more than 0, not {getattr(self, name)}")
        if self.seed < 0:
            raise InputError(f"the seed must not be negative: {self.seed}")
        if self.size % 2 or self.size > 2048:
            raise InputError(f"the size must be an even number of up to 2048 pixels, not {self.size}")

    @property
    def shards(self) -> int:
        """Number of tar files."""
        return -(-self.clips // self.clips_per_shard)

    def clip_seeds(self, shard: int) -> range:
        """Seeds of the clips of one shard."""
        first = shard * self.clips_per_shard
        return range(self.seed + first, self.seed + min(first + self.clips_per_shard, self.clips))

    def name(self, shard: int) -> str:
        """File name of one shard."""
        return f"clips-{shard:06d}.tar"


def render_shards(plan: ShardPlan, folder: Path, rig: Path | None = None, workers: int = 1) -> Iterator[int]:
    """Renders all shards that are not there yet, each in one of several processes.

    A shard gets its name when it is complete, so the run may be killed at any moment and started again.

    Args:
        plan: what is to be rendered.
        folder: where to; made if its parent exists.
        rig: rig file, or None for the installed one.
        workers: processes.

    Yields:
        The number of clips that are ready, at first those of earlier runs, then after each shard.

    Raises:
        InputError: the folder holds clips of another plan; no rig.
        OutputError: the folder cannot be written.
    """
    rig = find_rig(rig)
    _claim(plan, folder)
    missing = [shard for shard in range(plan.shards) if not (folder / plan.name(shard)).exists()]
    done = plan.clips - sum(len(plan.clip_seeds(shard)) for shard in missing)
    yield done
    with ProcessPoolExecutor(
        max(1, min(workers, len(missing))), get_context("spawn"), initializer=_start_worker, initargs=(rig,)
    ) as pool:
        try:
            for job in as_completed([pool.submit(_render_shard, plan, shard, folder) for shard in missing]):
                done += job.result()
                yield done
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _claim(plan: ShardPlan, folder: Path) -> None:
    """Writes the index, or checks that the one there is of the same plan."""
    wanted = {"schema": SCHEMA, "streams": list(STREAMS), **dataclasses.asdict(plan)}
    index = folder / INDEX
    if index.exists():
        try:
            found = json.loads(index.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{index} is damaged ({error}): choose another folder") from error
        other = sorted(name for name in wanted if found.get(name) != wanted[name])
        if other:
            name = other[0]
            raise InputError(
                f"{folder} holds clips of {name} {found.get(name)}, not {wanted[name]}: choose another folder"
            )
        return
    with os_errors_as_output_errors(index):
        folder.mkdir(exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(f"{folder} is not empty and not a folder of clips: choose another")
        index.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")


_renderer: Renderer | None = None
"""Of this worker process."""


def _start_worker(rig: Path) -> None:
    global _renderer
    import cv2

    cv2.setNumThreads(1)  # one process a core: threads of OpenCV would only fight for them
    _renderer = Renderer(build_bust(Rig.load(rig)))


def _render_shard(plan: ShardPlan, shard: int, folder: Path) -> int:
    assert _renderer is not None
    target = folder / plan.name(shard)
    unfinished = folder / f".{target.name}.part"  # the same in every run: what a killed one left is overwritten
    with os_errors_as_output_errors(target):
        try:
            with webdataset.TarWriter(str(unfinished), encoder=False, mtime=0) as tar:
                for seed in plan.clip_seeds(shard):
                    tar.write(encode_clip(_renderer, plan, seed))
            os.replace(unfinished, target)
        finally:
            unfinished.unlink(missing_ok=True)
    return len(plan.clip_seeds(shard))


def encode_clip(renderer: Renderer, plan: ShardPlan, seed: int) -> dict[str, str | bytes]:
    """One clip as a sample: file contents by extension.

    Args:
        renderer: on the rig.
        plan: of the folder.
        seed: of the clip.
    """
    clip = Clip(renderer, plan_clip(seed, plan.frames, plan.fps, plan.framing_jitter), plan.size)
    with tempfile.TemporaryDirectory(prefix="megactor-") as scratch:
        paths = {name: Path(scratch, f"{name}.mp4") for name in STREAMS}
        frames = []
        with contextlib.ExitStack() as stack:
            writers = {
                name: stack.enter_context(
                    VideoWriter(path, plan.fps, (plan.size, plan.size), crf=_QUALITY, preset="veryfast")
                )
                for name, path in paths.items()
            }
            for frame in clip:
                for name, writer in writers.items():
                    writer.write(frame.pictures[name])
                frames.append(frame)
        videos = {name: path.read_bytes() for name, path in paths.items()}
    truth = io.BytesIO()
    np.savez_compressed(truth, **collect_truth(clip.plan, frames).arrays())
    about = {
        "schema": SCHEMA,
        "source": "synthetic",
        "fps": plan.fps,
        "frames": plan.frames,
        "size": plan.size,
        "expression_names": [*renderer.bust.rig.expression_names, "tongueOut"],
        "plan": dataclasses.asdict(clip.plan),
    }
    return {
        "__key__": f"{seed:09d}",
        "mp4": videos["target"],
        "swapped.mp4": videos["swapped"],
        "styled.mp4": videos["styled"],
        "truth.npz": truth.getvalue(),
        "json": json.dumps(about).encode(),
    }
