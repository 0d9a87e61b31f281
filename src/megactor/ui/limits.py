"""How much one visitor may ask of the machine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of the page; the command line's own jobs have none.

    upload_mb: largest file in megabytes (10**6 bytes).
    seconds: longest part of a driving video that is animated.
    jobs: how many jobs may run and wait together; one runs at a time.
    results: how many results a visitor keeps; the oldest goes first.
    grace: seconds that files stay when nobody needs them: a phone that looked away comes back.
    """

    upload_mb: int = 500
    seconds: float = 300
    jobs: int = 8
    results: int = 6
    grace: float = 60
