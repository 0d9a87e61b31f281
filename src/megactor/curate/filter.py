"""Why a clip is dropped. The first reason that applies is its reason; what was measured until then is kept with it."""

from collections.abc import Mapping

from megactor.curate.settings import CurationSettings

REASONS = {
    "unreadable": "the file cannot be read, or is no video",
    "no_shot": "no stretch without a cut is long enough",
    "no_face": "the face is missing in too many frames",
    "several_people": "another face is about as large",
    "cut": "the face jumps: an unseen cut, or another person was taken for it",
    "partial_face": "the picture's edge cuts the face",
    "small_face": "the face moves so far that it is small in the crop",
    "low_resolution": "the crop has too few pixels of the source",
    "doubled": "too many frames show the one before: filmed at a lower rate",
    "jitter": "face or camera tremble",
    "still": "nothing moves: a photograph, a frozen picture",
    "dark": "too dark",
    "blurred": "out of focus, or enlarged from a smaller picture",
    "covered": "something comes before the face",
    "duplicate": "another clip shows the same",
    "crashed": "the process that worked on it died, several times",
    "failed": "an error of the program",
}
"""Reason -> what it means, in the order of the stages."""


def track_reason(found: Mapping[str, float], settings: CurationSettings) -> str | None:
    """Reason that the followed face alone gives, or None.

    Args:
        found: `brightness`, `found`, `crowded`, `jump`, `outside`, `face`, `side`, `doubled`, `jitter`, `motion`;
            see `clip`.
        settings: of the run.
    """
    rules = {
        "dark": found["brightness"] < settings.least_brightness,
        "no_face": found["found"] < settings.least_found,
        "several_people": found["crowded"] > settings.most_crowded,
        "cut": found["jump"] > settings.most_jump,
        "partial_face": found["outside"] > 1 - settings.least_found,
        "small_face": found["face"] < settings.least_face,
        "low_resolution": found["side"] < settings.least_side,
        "still": found["motion"] < settings.least_motion,
        "doubled": found["doubled"] > settings.most_doubled,
        "jitter": found["jitter"] > settings.most_jitter,
    }
    return next((reason for reason, applies in rules.items() if applies), None)


def picture_reason(found: Mapping[str, float], settings: CurationSettings) -> str | None:
    """Reason that the pictures give, or None.

    Args:
        found: `brightness`, `sharpness`, `covered`.
        settings: of the run.
    """
    rules = {
        "dark": found["brightness"] < settings.least_brightness,
        "blurred": found["sharpness"] < settings.least_sharpness,
        "covered": found["covered"] > settings.most_covered,
    }
    return next((reason for reason, applies in rules.items() if applies), None)
