"""Clips of a person and its twins: planned, rendered, kept with their ground truth. Read `clip.py` first."""
