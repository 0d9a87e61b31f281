"""The tables of figures: metrics by systems, a table for each part of the suite."""

from html import escape

from megactor.evaluation.definitions import DOWN, METRICS, ONE, UNRANKED, UP
from megactor.evaluation.report.cells import figure, interval, markdown_table
from megactor.evaluation.report.regions import markdown_regions
from megactor.evaluation.summary import Figures, Summary
from megactor.metrics.statistics import Estimate

_ARROWS = {UP: " ↑", DOWN: " ↓", ONE: " → 1", "": ""}
_LEADS = {1: '<i class="lead" title="{first} is better, sure at 95 %">▼</i>', 0: ""}
_LEADS[-1] = '<i class="lag" title="{first} is worse, sure at 95 %">▲</i>'


def markdown(summary: Summary, details: bool = True) -> str:
    """A table for each part: means over clips with 95 % confidence intervals; the best figures are bold.

    A figure says of how many clips it is where some of the part's have no value.

    Args:
        summary: of the run.
        details: also the parts of parts, such as drawn portraits alone, and the differences of systems.
    """
    blocks = []
    for part, figures in summary.parts.items():
        if "," in part and not details:
            continue
        size = len(summary.members(part))
        cells = {
            metric: [_markdown_cell(figures, system, metric, size) for system in summary.systems]
            for metric in _measured(figures)
        }
        blocks.append(markdown_table([f"{part}, n={size}", *summary.systems], _rows(cells)))
        if details:
            blocks += _differences(summary, part)
    blocks += markdown_regions(summary)
    blocks += [f"{name}: not measured: {reason}" for name, reason in summary.not_measured.items()]
    blocks += [f"{name}: skipped: {reason}" for name, reason in summary.skipped.items()]
    return "\n\n".join(blocks)


def _differences(summary: Summary, part: str) -> list[str]:
    """What the first system has more than its rivals; nothing where it has none."""
    first, *others = summary.systems
    rivals = [name for name in others if name not in UNRANKED]
    if not rivals:
        return []
    cells = {}
    for metric in _measured(summary.parts[part]):
        digits = METRICS[metric].digits
        paired = [summary.difference(part, name, metric) for name in rivals]
        cells[metric] = [
            f"{value.mean:+.{digits}f} ({interval(value, digits)})" if value.count else "-" for value in paired
        ]
    return [markdown_table([f"{part}, the same clips", *(f"{first} less {name}" for name in rivals)], _rows(cells))]


def _rows(cells: dict[str, list[str]]) -> list[list[str]]:
    return [[METRICS[metric].label + _ARROWS[METRICS[metric].better], *row] for metric, row in cells.items()]


def html_table(summary: Summary, part: str) -> str:
    """One part's table; colored marks say where the first system is surely better or worse on the same clips."""
    figures, size = summary.parts[part], len(summary.members(part))
    head = "".join(f'<th scope="col">{escape(system)}</th>' for system in summary.systems)
    rows = []
    for metric in _measured(figures):
        definition = METRICS[metric]
        cells = []
        for number, system in enumerate(summary.systems):
            value = figures[system].get(metric)
            lead = summary.lead(part, system, metric) if number else 0
            mark = _LEADS[lead].format(first=escape(summary.systems[0])) if system not in UNRANKED or lead > 0 else ""
            text = _html_cell(value, definition.digits, size, metric in _bold(figures, system))
            cells.append(f"<td>{text}{mark}</td>")
        name = f"{escape(definition.label)}<small>{_ARROWS[definition.better]}</small>"
        rows.append(f'<tr><th scope="row" title="{escape(definition.meaning)}">{name}</th>{"".join(cells)}</tr>')
    head = f'<thead><tr><th scope="col">{size} clips</th>{head}</tr></thead>'
    return f"<table>{head}<tbody>{''.join(rows)}</tbody></table>"


def _measured(figures: Figures) -> list[str]:
    return [metric for metric in METRICS if any(metric in row for row in figures.values())]


def _bold(figures: Figures, system: str) -> set[str]:
    """Metrics in which a system has the best mean of those that compete."""
    rivals = {name: row for name, row in figures.items() if name not in UNRANKED}
    if system not in rivals or len(rivals) < 2:
        return set()
    best = set()
    for metric, definition in METRICS.items():
        means = {name: row[metric].mean for name, row in rivals.items() if metric in row}
        if not means or system not in means or not definition.better:
            continue
        written = {name: float(f"{mean:.{definition.digits}f}") for name, mean in means.items()}
        if all(definition.gain(written[system], other) >= 0 for other in written.values()):
            best.add(metric)
    return best


def _markdown_cell(figures: Figures, system: str, metric: str, size: int) -> str:
    value, digits = figures[system].get(metric), METRICS[metric].digits
    if value is None:
        return "-"
    mean = figure(value, digits)
    mean = f"**{mean}**" if metric in _bold(figures, system) else mean
    return f"{mean} ({interval(value, digits)})" + (f", n={value.count}" if value.count < size else "")


def _html_cell(value: Estimate | None, digits: int, size: int, bold: bool) -> str:
    if value is None:
        return '<span class="none">&ndash;</span>'
    mean = figure(value, digits)
    count = f" · n={value.count}" if value.count < size else ""
    return f"{f'<b>{mean}</b>' if bold else mean}<small>{interval(value, digits)}{count}</small>"
