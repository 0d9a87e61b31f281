"""Speed of the renderer: frames a second of one core, person by person, and of several cores together."""

import multiprocessing
import queue
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from megactor.errors import MegActorError

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

    from megactor.synth.render.renderer import Renderer

WARM_UP = 2
"""Frames of a person that are not counted: tables, exposure and background are made for a whole clip."""


@dataclass(frozen=True)
class PersonSpeed:
    """How fast one person is rendered by one core.

    seed: of the person, the scene and the motion.
    triangles: of the person, hair included.
    set_up: seconds to build the person and to render the first frame.
    frames_per_second: of the core's own time after that, so that other programs do not count.
    """

    seed: int
    triangles: int
    set_up: float
    frames_per_second: float


@dataclass(frozen=True)
class ScalingRun:
    """Several processes that render at the same time.

    frames_per_second: of all together by the clock, and of all together had each core been theirs alone.
    """

    processes: int
    frames_per_second: float
    frames_per_core_second: float


def measure_people(
    rig: str | None, seeds: Sequence[int], frames: int = 24, size: int = 256, supersampling: int = 2
) -> Iterator[PersonSpeed]:
    """Renders a clip of each person in this process.

    Args:
        rig: file, or None for the one that `find_rig` finds.
        seeds: of the people.
        frames: that are counted, of a talking and moving person.
        size: of the pictures.
        supersampling: samples along a pixel's side.
    """
    renderer = _renderer(rig)
    for seed in seeds:
        yield _measure_person(renderer, seed, frames, size, supersampling)


def measure_scaling(
    rig: str | None, processes: Sequence[int], frames: int = 24, size: int = 256, people: int = 4
) -> Iterator[ScalingRun]:
    """Renders `people` clips in each of so many processes at once, for each number of processes.

    Args:
        rig: file, or None for the one that `find_rig` finds.
        processes: how many at once, one run each.
        frames: of a clip.
        size: of the pictures.
        people: clips a process; all processes render the same.
    """
    for count in processes:
        context = multiprocessing.get_context("spawn")
        barrier, results = context.Barrier(count), context.Queue()
        arguments = (rig, people, frames, size, barrier, results)
        workers = [context.Process(target=_render_clips, args=arguments, daemon=True) for _ in range(count)]
        for worker in workers:
            worker.start()
        spans: list[tuple[float, float, float]] = []
        while len(spans) < count:
            try:
                spans.append(results.get(timeout=1))
            except queue.Empty:
                if any(worker.exitcode for worker in workers):
                    raise MegActorError("a rendering process ended early; see the message above") from None
        start, end = min(span[0] for span in spans), max(span[1] for span in spans)
        total = count * people * frames
        yield ScalingRun(count, total / (end - start), total / statistics.mean(span[2] for span in spans))


def _renderer(rig: str | None) -> "Renderer":
    from megactor.synth.anatomy.bust import build_bust
    from megactor.synth.anatomy.rig import Rig, find_rig
    from megactor.synth.render.renderer import Renderer

    return Renderer(build_bust(Rig.load(find_rig(rig))))


def _measure_person(renderer: "Renderer", seed: int, frames: int, size: int, supersampling: int) -> PersonSpeed:
    from megactor.synth.identity.assemble import build_subject
    from megactor.synth.identity.draws import random_traits
    from megactor.synth.motion.performance import random_motion
    from megactor.synth.scene.scene import random_scene

    start = time.thread_time()
    subject = build_subject(renderer.bust, random_traits(seed))
    scene = random_scene(seed)
    motion = random_motion(seed, frames + WARM_UP, renderer.bust.rig.expression_names)
    moments = list(motion)
    for moment in moments[:WARM_UP]:
        renderer.render(subject, scene, moment, size, supersampling)
    ready = time.thread_time()
    for moment in moments[WARM_UP:]:
        renderer.render(subject, scene, moment, size, supersampling)
    speed = frames / (time.thread_time() - ready)
    return PersonSpeed(seed, len(subject.triangles), ready - start, speed)


def _render_clips(
    rig: str | None,
    people: int,
    frames: int,
    size: int,
    barrier: "Barrier",
    results: "multiprocessing.Queue[tuple[float, float, float]]",
) -> None:
    """Puts when this process started and ended to render, and its core's own seconds in between, into `results`."""
    import cv2

    cv2.setNumThreads(1)  # one core each
    try:
        renderer = _renderer(rig)
        _measure_person(renderer, 0, 1, size, 2)  # compiles or loads the kernels
        barrier.wait()
    except BaseException:
        barrier.abort()
        raise
    start, cpu = time.time(), time.process_time()
    for seed in range(people):
        _measure_person(renderer, seed, frames - WARM_UP, size, 2)
    results.put((start, time.time(), time.process_time() - cpu))
