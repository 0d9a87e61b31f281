"""Context windows: which frames are denoised together."""

from __future__ import annotations

WINDOW_SIZE = 16
WINDOW_OVERLAP = 8


def context_windows(
    frames: int, size: int = WINDOW_SIZE, overlap: int = WINDOW_OVERLAP, cyclic: bool = True
) -> list[list[int]]:
    """Cover a clip with windows of equal size; a clip that fits into one window is one (shorter) window.

    Cyclic windows start at 0, size - overlap, ... below `frames` and take their frames modulo `frames`:
    the last ones join the clip's end to its beginning, as in the official code. Windows that are not cyclic
    never do: the last one is moved back to end with the clip.

    Args:
        frames: Length of the clip, at least 1.
        size: Frames of a window.
        overlap: Frames shared by neighbors, from 0 to size - 1.
        cyclic: See above.

    Returns:
        Frame indices of each window; no window holds a frame twice, and every frame is in at least one.

    Raises:
        ValueError: A number is out of its range.
    """
    if frames < 1 or size < 1 or not 0 <= overlap < size:
        raise ValueError(f"cannot cover {frames} frames by windows of {size} that share {overlap}")
    if frames <= size:
        return [list(range(frames))]
    stride = size - overlap
    if cyclic:
        return [[i % frames for i in range(start, start + size)] for start in range(0, frames, stride)]
    starts = [*range(0, frames - size, stride), frames - size]
    return [list(range(start, start + size)) for start in starts]
