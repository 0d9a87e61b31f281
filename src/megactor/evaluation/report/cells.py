"""How figures and tables are written."""

from megactor.metrics.statistics import Estimate


def figure(value: Estimate, digits: int) -> str:
    """A mean as it stands in tables."""
    return f"{value.mean:.{digits}f}"


def interval(value: Estimate, digits: int) -> str:
    """Its confidence interval, for which a few clips are too few."""
    if not value.has_interval:
        return "one clip" if value.count == 1 else "too few clips"
    return f"{value.low:.{digits}f} to {value.high:.{digits}f}"


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    """A table whose first column names the rows."""
    first, *lines = (f"| {' | '.join(row)} |" for row in [head, *rows])
    return "\n".join([first, "|---" * len(head) + "|", *lines])
