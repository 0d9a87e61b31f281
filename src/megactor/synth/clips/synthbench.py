"""SynthBench: 200 fixed clips to measure models with; training must leave their seeds alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from megactor.synth.anatomy.subject import Subject
from megactor.synth.clips.clip import Clip, ClipFrame
from megactor.synth.clips.plan import RenderPlan, plan_clip
from megactor.synth.render.renderer import Renderer

FIRST_SEED = 1_900_000_000
"""Seeds from here on are of SynthBench; training seeds lie below."""
CLIPS = 200
FRAMES = 48


@dataclass(frozen=True)
class BenchItem:
    """One clip of the test set.

    name: "000-self" ... "199-cross".
    plan: how it is rendered.
    driver: stream that drives the portrait: "target" itself, or "swapped", another person doing the same.
    """

    name: str
    plan: RenderPlan
    driver: str


@dataclass(frozen=True)
class BenchClip:
    """A rendered item.

    subject: the target.
    portrait: uint8 (S, S, 3), the target's first frame.
    frames: all frames; `frame.pictures[item.driver]` drives, `frame.pictures["target"]` is what should come out.
    """

    item: BenchItem
    subject: Subject
    portrait: np.ndarray
    frames: list[ClipFrame]


def bench_items() -> list[BenchItem]:
    """The test set: self-driving and cross-driving in turn; people, motions, scenes and styles of seeds of its own."""
    items = []
    for number in range(CLIPS):
        driver = ("target", "swapped")[number % 2]
        kind = "self" if driver == "target" else "cross"
        items.append(BenchItem(f"{number:03d}-{kind}", plan_clip(FIRST_SEED + number, FRAMES), driver))
    return items


def render_bench(renderer: Renderer, items: list[BenchItem], size: int = 256) -> Iterator[BenchClip]:
    """Renders items one after the other; only the streams that are looked at."""
    for item in items:
        streams = tuple(dict.fromkeys(("target", item.driver)))
        clip = Clip(renderer, item.plan, size, streams)
        frames = list(clip)
        yield BenchClip(item, clip.subjects["target"], frames[0].pictures["target"], frames)
