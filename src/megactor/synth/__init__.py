"""Synthetic portraits: the same performance by anyone, with ground truth.

A `Subject` (who), a `Scene` (where), a `Motion` (what they do) and a style give frames; each is a value made from a
seed. Read `clip.py` first: it plans a clip and its twin and renders both.
"""
