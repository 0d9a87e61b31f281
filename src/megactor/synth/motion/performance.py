"""What somebody does, from a seed: pull faces for a camera, or talk as people in videos do."""

from collections.abc import Sequence

from megactor.synth.motion.lively import lively_motion
from megactor.synth.motion.sequence import MotionSequence
from megactor.synth.motion.talking_head import talking_motion


def random_motion(
    seed: int, frames: int, expression_names: Sequence[str], fps: float = 25.0, talking_head: bool = False
) -> MotionSequence:
    """Somebody talks, shows feelings or pulls faces, blinks, looks around and moves.

    Args:
        seed: of the motion; a longer motion of the same seed is another one.
        frames: T.
        expression_names: of the rig, in its order.
        fps: moments a second.
        talking_head: moves as much as people in real videos of talking heads do; else several times as much, with
            the faces of memes.
    """
    move = talking_motion if talking_head else lively_motion
    return move(seed, frames, expression_names, fps)
