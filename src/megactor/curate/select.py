"""How much a face does: clips that do nothing are dropped, the liveliest are marked for the last training stage."""

from collections.abc import Mapping, Sequence

import numpy as np

SPREADS = {"mouth": 0.008, "lids": 0.02, "gaze_x": 0.015, "gaze_y": 0.015, "yaw": 0.03, "pitch": 0.01}
"""Standard deviations that MediaPipe reads from a face that keeps still; see also `megactor.metrics.motion`."""

_EXPRESSION = ("mouth", "lids", "gaze_x", "gaze_y")


def spreads(measured: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Standard deviations over a clip in units of `SPREADS`.

    Args:
        measured: of `faces.measured`.
    """
    tracks = {
        "mouth": measured["mouth"],
        "lids": measured["lids"].mean(1),
        "gaze_x": measured["gaze"][:, 0],
        "gaze_y": measured["gaze"][:, 1],
        "yaw": measured["yaw"],
        "pitch": measured["pitch"],
    }
    return {name: float(np.std(track)) / SPREADS[name] for name, track in tracks.items()}


def motion(spread: Mapping[str, float]) -> float:
    """The strongest of all spreads, head motion included: below 1 nothing moves."""
    return max(spread.values())


def expressiveness(spread: Mapping[str, float]) -> float:
    """Root mean square spread of mouth, lids and gaze: what stage 3 of the paper asks for. The head has no say."""
    return float(np.sqrt(np.mean([spread[name] ** 2 for name in _EXPRESSION])))


def strongest(scores: Mapping[str, float], share: float) -> set[str]:
    """Keys of the highest scores: this share of all, at least one where there is any; ties by key."""
    count = min(len(scores), max(1, round(share * len(scores)))) if share > 0 else 0
    ranked: Sequence[str] = sorted(scores, key=lambda key: (-scores[key], key))
    return set(ranked[:count])
