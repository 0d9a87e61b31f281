"""How much one visitor may ask of the machine."""

from dataclasses import dataclass

from megactor.jobs import JobLimits


@dataclass(frozen=True)
class Limits:
    """Limits of the page; the command line's own jobs have none.

    upload_mb: largest file in megabytes (10**6 bytes).
    seconds: longest part of a driving video that is animated.
    jobs: how many jobs may run and wait together.
    results: how many results a visitor keeps; the oldest goes first.
    keep_hours: how long a visitor's files stay after their last visit; 0 until the server ends.
    """

    upload_mb: int = 500
    seconds: float = 300
    jobs: int = 8
    results: int = 6
    keep_hours: float = 24

    @property
    def of_jobs(self) -> JobLimits:
        """What the engine enforces of it; a visitor animates one thing at a time."""
        return JobLimits(bytes=self.upload_mb * 1_000_000, seconds=self.seconds, jobs=self.jobs, jobs_of_caller=1)

    @property
    def keep_words(self) -> str:
        """When files go, as the page says it."""
        if not self.keep_hours:
            return "Your files stay here until you press Clear or the server ends."
        hours = f"{self.keep_hours:g} hour{'' if self.keep_hours == 1 else 's'}"
        return f"Your files stay here until you press Clear, or for {hours} after your last visit."
