"""What a clip is to be: a seed becomes a plan, and the same plan gives the same pictures."""

from dataclasses import dataclass, replace

import numpy as np

from megactor.synth.clips.handling import ON_A_STAND, Handling, random_handling
from megactor.synth.clips.variety import PLAIN, Variety
from megactor.synth.scene.scene import Framing, random_framing
from megactor.synth.streams import chance, stream
from megactor.synth.styles.style import Style, random_style

STREAMS = ("target", "swapped", "styled")
"""The performance itself; the same by another person (the driver that training sees); the same drawn or painted."""

AVATAR_ZOOM = 1.25
"""3-D avatars have large heads: the camera of their clips steps back."""


@dataclass(frozen=True)
class Performer:
    """Who is seen in one stream, where, and how the picture is made.

    identity_seed: of the person.
    scene_seed: of light, background and camera; the framing is the clip's.
    style: of the picture.
    """

    identity_seed: int
    scene_seed: int
    style: Style


@dataclass(frozen=True)
class RenderPlan:
    """All about a clip, in numbers: the same plan gives the same pictures.

    seed: that it was planned from.
    motion_seed: of what all performers do.
    framings: camera of each stream; equal unless framing jitter was asked for.
    performers: by stream.
    frames, fps: length and rate.
    talking_head: which kind of motion, see `random_motion`.
    details: whether people have theirs, see `random_traits`.
    handling: of the camera.
    """

    seed: int
    motion_seed: int
    framings: dict[str, Framing]
    performers: dict[str, Performer]
    frames: int
    fps: float
    talking_head: bool = False
    details: bool = False
    handling: Handling = ON_A_STAND


def plan_clip(
    seed: int,
    frames: int,
    fps: float = 25.0,
    framing_jitter: float = 0.0,
    photo: float = 0.65,
    variety: Variety | None = None,
) -> RenderPlan:
    """Plans a clip.

    Motion and framing are shared: with different cameras nobody could tell from the driver where the target's head
    belongs. Identity, light, background and style differ.

    Args:
        seed: of everything.
        frames: length.
        fps: frames a second.
        framing_jitter: standard deviation by which the twins' cameras differ: of the log of the picture's extent, and
            of the shift in pictures.
        photo: how likely target and swapped are photographs; styled never is.
        variety: what else there may be; each thing is drawn from a stream of its own, so the rest of the clip stays.
    """
    variety = variety or PLAIN
    seeds = stream(seed, "clip").integers(0, 2**31, 8).tolist()
    styles = {
        "target": random_style(seeds[0], photo),
        "swapped": random_style(seeds[1], photo + 0.6 * (1 - photo)),
        "styled": random_style(seeds[2], photo=0.0),
    }
    performers = {
        name: Performer(seeds[3] + number, seeds[4] + number, styles[name]) for number, name in enumerate(STREAMS)
    }
    avatar = any(style.name == "avatar" for style in styles.values())
    shared = random_framing(seeds[5], AVATAR_ZOOM if avatar else 1.0)
    rng = stream(seed, "framing jitter")
    framings = {"target": shared} | {name: _jittered(shared, framing_jitter, rng) for name in STREAMS[1:]}
    return RenderPlan(
        seed=seed,
        motion_seed=seeds[6],
        framings=framings,
        performers=performers,
        frames=frames,
        fps=fps,
        talking_head=chance(stream(seed, "talking head"), variety.talking),
        details=chance(stream(seed, "details"), variety.details),
        handling=random_handling(seed, variety.blurred, variety.shaken, variety.repeated),
    )


def _jittered(framing: Framing, amount: float, rng: np.random.Generator) -> Framing:
    scale, shift = np.exp(rng.normal(0, amount)), rng.normal(0, amount, 2) * 2 * framing.half_height
    center = (framing.center[0] + float(shift[0]), framing.center[1] + float(shift[1]))
    return replace(framing, half_height=framing.half_height * float(scale), center=center)
