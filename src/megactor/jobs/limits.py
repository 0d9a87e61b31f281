"""How much callers may ask of the machine, and what they are told beyond that."""

from dataclasses import dataclass

from megactor.errors import InputError


class TooLarge(InputError):
    """A file has too many bytes."""


class QueueFull(InputError):
    """Too many jobs wait already, of whomever."""


class CallerBusy(InputError):
    """One caller has too many jobs waiting or running."""


class KeyReused(InputError):
    """An idempotency key came again with another request."""


@dataclass(frozen=True)
class JobLimits:
    """Limits of one server; 0 turns one off.

    bytes: of a file.
    seconds: of the part of a driving video that is animated.
    pixels: width * height of a portrait, or of a video's frame.
    jobs: that run and wait together.
    jobs_of_caller: the same, of one caller.
    """

    bytes: int = 500_000_000
    seconds: float = 300
    pixels: int = 64_000_000
    jobs: int = 8
    jobs_of_caller: int = 2
