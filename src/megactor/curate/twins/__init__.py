"""Twins: the same performance as a clip, by another person or in another style."""
