"""The table of where the error lies: regions by systems, over all clips of the suite."""

from html import escape

from megactor.evaluation.definitions import UNRANKED
from megactor.evaluation.regions import REGIONS, RegionFigure
from megactor.evaluation.report.cells import figure, interval, markdown_table
from megactor.evaluation.summary import Summary

DIGITS = 2


def markdown_regions(summary: Summary) -> list[str]:
    """PSNR and share of the error of each system, and what the first has more than its rivals; [] without regions."""
    figures = summary.regions()
    if not figures:
        return []
    rivals = _rivals(summary, figures)
    less = [f"{summary.systems[0]} less {name}" for name in rivals]
    rows = []
    for region in _present(figures):
        cells = [f"{_text(row[region])}, {row[region].error:.0%}" for row in figures.values()]
        paired = [summary.region_difference(name, region) for name in rivals]
        differences = [f"{value.mean:+.{DIGITS}f} ({interval(value, DIGITS)})" for value in paired]
        rows.append([REGIONS[region], _pixels(figures, region), *cells, *differences])
    size = len(summary.keys)
    return [markdown_table([f"PSNR in dB and share of the error, n={size}", "pixels", *figures, *less], rows)]


def html_regions(summary: Summary) -> str:
    """The same for the page, without the differences; "" without regions."""
    figures = summary.regions()
    if not figures:
        return ""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in ("PSNR, dB", "pixels", *figures))
    rows = []
    for region in _present(figures):
        cells = [
            f"<td>{figure(row[region].psnr, DIGITS)}<small>{interval(row[region].psnr, DIGITS)} · "
            f"{row[region].error:.0%} of error</small></td>"
            for row in figures.values()
        ]
        name = escape(REGIONS[region])
        rows.append(f'<tr><th scope="row">{name}</th><td>{_pixels(figures, region)}</td>{"".join(cells)}</tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _rivals(summary: Summary, figures: dict[str, dict[str, RegionFigure]]) -> list[str]:
    first = summary.systems[0]
    return [name for name in figures if name != first and name not in UNRANKED] if first in figures else []


def _present(figures: dict[str, dict[str, RegionFigure]]) -> list[str]:
    return list(next(iter(figures.values())))


def _pixels(figures: dict[str, dict[str, RegionFigure]], region: str) -> str:
    return f"{next(iter(figures.values()))[region].pixels:.1%}"


def _text(value: RegionFigure) -> str:
    return f"{figure(value.psnr, DIGITS)} ({interval(value.psnr, DIGITS)})"
