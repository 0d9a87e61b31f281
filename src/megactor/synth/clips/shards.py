"""Clips as webdataset shards: tar files that appear complete or not at all. docs/data-format.md has the schema."""

import contextlib
import dataclasses
import io
import json
import math
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import webdataset

from megactor.errors import InputError, MegActorError
from megactor.media.atomic import atomic_path, os_errors_as_output_errors
from megactor.media.folder_index import check_index, write_index
from megactor.media.lock import LOCK, locked
from megactor.media.writer import VideoWriter
from megactor.synth.anatomy.bust import build_bust
from megactor.synth.anatomy.rig import Rig, find_rig
from megactor.synth.clips.clip import Clip, ClipFrame
from megactor.synth.clips.plan import STREAMS, plan_clip
from megactor.synth.clips.synthbench import FIRST_SEED
from megactor.synth.clips.truth import collect_truth
from megactor.synth.clips.variety import TRAINING, Variety
from megactor.synth.render.renderer import Renderer

INDEX = "index.json"
SCHEMA = "megactor-clips-1"
LEFTOVERS = ".megactor-*.part"
"""Files and folders that a killed run may leave beside the shards."""
_QUALITY = 12
"""H.264 crf of the clips: artifacts must not be learned."""


@dataclass(frozen=True)
class ShardPlan:
    """What a folder of shards holds; written to `index.json`.

    clips, frames, size, fps: how many, how long, how large, how fast.
    seed: clip number n is planned from `seed + n`.
    clips_per_shard: how many share a tar file.
    framing_jitter: see `plan_clip`.
    variety: what clips have beyond those of SynthBench, each a share of the clips.
    """

    clips: int
    frames: int
    size: int
    fps: float = 25.0
    seed: int = 0
    clips_per_shard: int = 16
    framing_jitter: float = 0.0
    variety: Variety = TRAINING

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            InputError: one of them makes no sense.
        """
        for name in ("clips", "frames", "size", "fps", "clips_per_shard"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name.replace('_', ' ')} must be more than 0, not {getattr(self, name)}")
        if not 0 <= self.framing_jitter < math.inf:
            raise InputError(f"the framing jitter must not be negative: {self.framing_jitter}")
        for name, share in dataclasses.asdict(self.variety).items():
            if not 0 <= share <= 1:
                raise InputError(f"the share of {name} clips lies between 0 and 1, not {share}")
        if self.seed < 0:
            raise InputError(f"the seed must not be negative: {self.seed}")
        if self.seed + self.clips > FIRST_SEED:
            raise InputError(f"seeds from {FIRST_SEED} on are kept for the test set: choose a smaller seed")
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

    A shard gets its name when it is complete, so the run may be killed at any moment and started again. The
    processes end with the one that started them, however it ends.

    Args:
        plan: what is to be rendered.
        folder: where to; made if its parent exists.
        rig: rig file, or None for the installed one.
        workers: processes.

    Yields:
        The number of clips that are ready, at first those of earlier runs, then after each shard.

    Raises:
        InputError: the folder holds clips of another plan, or another run is at work in it; no rig.
        OutputError: the folder cannot be written.
        MegActorError: a process died.
    """
    rig = find_rig(rig)
    Rig.load(rig)  # a damaged file is told here, in one line, and not by every worker
    with _claimed(plan, folder):
        missing = [shard for shard in range(plan.shards) if not (folder / plan.name(shard)).exists()]
        done = plan.clips - sum(len(plan.clip_seeds(shard)) for shard in missing)
        yield done
        context = get_context("spawn")
        leash, handle = context.Pipe(duplex=False)
        pool = ProcessPoolExecutor(
            max(1, min(workers, len(missing))), context, initializer=_start_worker, initargs=(rig, leash)
        )
        try:
            for job in as_completed([pool.submit(_render_shard, plan, shard, folder) for shard in missing]):
                done += job.result()
                yield done
        except BrokenProcessPool as error:
            raise MegActorError(
                "a rendering process died, perhaps for want of memory; try fewer workers: finished shards are kept"
            ) from error
        finally:
            if done < plan.clips:
                handle.close()  # who still renders need not finish
            pool.shutdown(wait=True, cancel_futures=True)
            _remove_leftovers(folder)


@contextlib.contextmanager
def _claimed(plan: ShardPlan, folder: Path) -> Iterator[None]:
    """Keeps other runs out of the folder; writes its index, or checks that the one there is of the same plan."""
    wanted = {"schema": SCHEMA, "streams": list(STREAMS), **dataclasses.asdict(plan)}
    index = folder / INDEX
    with os_errors_as_output_errors(folder):
        folder.mkdir(exist_ok=True)
    with locked(folder):
        if index.exists():
            check_index(index, wanted)
        elif any(path.name != LOCK and not path.match(LEFTOVERS) for path in folder.iterdir()):
            raise InputError(f"{folder} is not empty and not a folder of clips: choose another")
        _remove_leftovers(folder)
        if not index.exists():
            write_index(index, wanted)
        yield


def _remove_leftovers(folder: Path) -> None:
    for path in folder.glob(LEFTOVERS):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


_renderer: Renderer | None = None
"""Of this worker process."""


def _start_worker(rig: Path, leash: Connection) -> None:
    global _renderer
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one lets go of the leash
    threading.Thread(target=_end_with, args=(leash,), daemon=True).start()
    cv2.setNumThreads(1)  # one process a core: threads of OpenCV would only fight for them
    _renderer = Renderer(build_bust(Rig.load(rig)))


def _end_with(leash: Connection) -> None:
    """Ends this process when the other end of the leash is closed, which a killed parent does too."""
    with contextlib.suppress(EOFError, OSError):
        leash.recv_bytes()  # nothing is ever sent
    os._exit(1)


def _render_shard(plan: ShardPlan, shard: int, folder: Path) -> int:
    assert _renderer is not None
    target = folder / plan.name(shard)
    seeds = plan.clip_seeds(shard)
    with (
        atomic_path(target, force=True) as unfinished,
        os_errors_as_output_errors(target),
        webdataset.TarWriter(str(unfinished), encoder=False, mtime=0) as tar,
    ):
        for seed in seeds:
            tar.write(encode_clip(_renderer, plan, seed, folder))
    return len(seeds)


def encode_clip(renderer: Renderer, plan: ShardPlan, seed: int, folder: Path) -> dict[str, str | bytes]:
    """One clip as a sample: file contents by extension.

    Args:
        renderer: on the rig.
        plan: of the folder.
        seed: of the clip.
        folder: for temporary files.
    """
    planned = plan_clip(seed, plan.frames, plan.fps, plan.framing_jitter, variety=plan.variety)
    clip = Clip(renderer, planned, plan.size)
    with tempfile.TemporaryDirectory(prefix=".megactor-", suffix=".part", dir=folder) as scratch:
        paths = {name: Path(scratch, f"{name}.mp4") for name in STREAMS}
        with contextlib.ExitStack() as stack:
            writers = {
                name: stack.enter_context(
                    VideoWriter(
                        path, plan.fps, (plan.size, plan.size), crf=_QUALITY, preset="veryfast", reproducible=True
                    )
                )
                for name, path in paths.items()
            }
            known = collect_truth(clip.plan, _written(clip, writers))
        videos = {name: path.read_bytes() for name, path in paths.items()}
    truth = io.BytesIO()
    arrays: dict[str, Any] = known.arrays()
    np.savez_compressed(truth, **arrays)
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


def _written(clip: Clip, writers: dict[str, VideoWriter]) -> Iterator[ClipFrame]:
    """The clip's frames, each after its pictures were written: no more than one is held."""
    for frame in clip:
        for name, writer in writers.items():
            writer.write(frame.pictures[name])
        yield frame
