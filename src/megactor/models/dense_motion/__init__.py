"""nano's dense motion: the portrait is moved into place before it is denoised, and keeps its detail.

`network` is the whole; the other files are its parts and what is done with its answers.
"""

from megactor.models.dense_motion.network import DenseMotion, DenseMotionNet, FollowedMotion, MotionLogits, resized

__all__ = ["DenseMotion", "DenseMotionNet", "FollowedMotion", "MotionLogits", "resized"]
