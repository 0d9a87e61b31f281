"""What whoever holds the camera does to a clip: it trembles, its shutter is open for a while, frames come twice."""

from dataclasses import dataclass

import numpy as np

from megactor.synth.motion.tracks import wander
from megactor.synth.streams import chance, stream

_DRIFT_PACE, _TREMOR_PACE, _TREMOR = 0.9, 0.13, 0.2
"""Seconds between turning points of slow drift and of tremor, and how large the tremor is beside the drift."""
_LONGEST = 600.0
"""Seconds for which a camera trembles; clips are shorter."""


@dataclass(frozen=True)
class Handling:
    """How a clip was filmed; the default is a camera on a stand.

    seed: of the tremor.
    shake: standard deviation of the camera's place, in pictures.
    shutter: seconds that it is open for a frame.
    repeated: every so manieth frame shows the one before again, as in a film of 25 frames a second that is played at
        30 (6); 0 = none.
    """

    seed: int = 0
    shake: float = 0.0
    shutter: float = 0.0
    repeated: int = 0

    def moment(self, index: int) -> int:
        """The frame whose moment frame `index` shows."""
        return index - 1 if self.repeated and index % self.repeated == self.repeated - 1 else index

    def shift(self, seconds: float) -> tuple[float, float]:
        """How far right and up the camera is, in pictures."""
        if self.shake == 0:
            return 0.0, 0.0
        time = np.array([seconds])
        right, up = (
            wander(stream(self.seed, f"shake {axis}"), time, _LONGEST, _DRIFT_PACE, self.shake)
            + wander(stream(self.seed, f"tremor {axis}"), time, _LONGEST, _TREMOR_PACE, _TREMOR * self.shake)
            for axis in "xy"
        )
        return float(right[0]), float(up[0])


ON_A_STAND = Handling()


def random_handling(seed: int, blurred: float, shaken: float, repeated: float) -> Handling:
    """A camera and whoever holds it.

    Args:
        seed: of all.
        blurred: how likely the shutter is open for a while.
        shaken: how likely the camera is held in hands.
        repeated: how likely frames come twice.
    """
    shutter, hand, rate = (stream(seed, f"handling {name}") for name in ("shutter", "hand", "rate"))
    shake = float(0.004 * np.exp(hand.normal(0, 0.6))) if chance(hand, shaken) else 0.0
    return Handling(
        seed=seed if shake else 0,
        shake=shake,
        shutter=float(1 / shutter.uniform(25, 100)) if chance(shutter, blurred) else 0.0,
        repeated=int(rate.choice([5, 6])) if chance(rate, repeated) else 0,
    )
