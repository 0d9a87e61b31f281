"""What clips may have beyond those of SynthBench, and how often clips to learn from have it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variety:
    """What clips may have beyond those of SynthBench, each as the share of clips that has it. The default: none.

    talking: people talk as they do in real videos, with a still head; else they pull faces and turn their heads.
    details: people have teeth of their own, skin that folds with expressions, earrings, glasses that mirror something.
    blurred: what moves is blurred, as with a shutter that is open for a while.
    shaken: the camera is held in hands. The target's background stays, since nothing in the driver tells of it: the
        whole person moves instead.
    repeated: every fifth or sixth frame shows the one before again.
    """

    talking: float = 0.0
    details: float = 0.0
    blurred: float = 0.0
    shaken: float = 0.0
    repeated: float = 0.0


PLAIN = Variety()
"""As SynthBench's clips are."""

TRAINING = Variety(talking=0.5, details=0.7, blurred=0.25, shaken=0.2, repeated=0.02)
"""What clips to learn from have by default."""
