"""Synthetic portraits: the same performance by anyone, with ground truth.

A `Subject` (who), a `Scene` (where), a `MotionSequence` (what they do) and a `Style` give frames; each is a value made
from a seed. Read `clips/clip.py` first: it plans a clip and its twins and renders them.
"""
