"""Framing and masking that the networks were trained on: numpy, one frame at a time."""
