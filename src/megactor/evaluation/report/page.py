"""The page for people: one file that needs nothing else, offline, on a desk or a phone."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from html import escape
from importlib import resources
from pathlib import Path
from string import Template

from megactor.evaluation.case import CaseId
from megactor.evaluation.definitions import METRICS, REFERENCE_SYSTEMS, UNRANKED
from megactor.evaluation.report.cells import figure, interval
from megactor.evaluation.report.charts import dots_with_whiskers, sorted_dots
from megactor.evaluation.report.regions import html_regions
from megactor.evaluation.report.strips import strip_parts, strip_video
from megactor.evaluation.report.table import html_table
from megactor.evaluation.summary import Summary

SUITES = {
    "synthbench": "SynthBench",
    "self": "self-driven videos",
    "cross": "portraits and drivers",
    "pairs": "a list of pairs",
}
WORST, BEST = 12, 4
"""How many strips the page holds: each has some 100 KB."""
_GROUPS = 24
"""More styles or identities than these are not drawn one by one."""
_COLORS = 6
_CARDS = ("psnr_gain", "r_mouth", "amplitude_mouth", "r_lids", "r_yaw", "aed", "identity", "found", "apd")
_MOST_CARDS = 8
_LEAST_TILE = 104
"""Pixels of a tile on a phone, where a strip can be pushed sideways."""
_MOST_PLOTS = 6
_PLOTS = ("psnr_gain", "r_mouth", "amplitude_mouth", "r_lids", "r_yaw", "aed", "apd", "identity_difference")


def html_page(folder: Path, summary: Summary) -> str:
    """The whole page.

    Args:
        folder: of the run, with its videos.
        summary: of the run.
    """
    template = Template(resources.files("megactor.evaluation.report").joinpath("page.html").read_text("utf-8"))
    parts = list(summary.parts)
    title = f"{summary.systems[0]} on {SUITES[summary.suite]}"
    return template.substitute(
        title=escape(title),
        subtitle=_subtitle(summary),
        columns=escape("; ".join(f"{name}: {REFERENCE_SYSTEMS[name]}" for name in _beside(summary)) + "."),
        notes="".join(f'<p class="soft notes">{escape(note)}</p>' for note in _notes(summary)),
        cards="".join(_cards(summary)),
        marks=_marks(summary),
        tabs="".join(
            f'<button role="tab" value="{part}" aria-selected="{str(part == parts[0]).lower()}">{part}</button>'
            for part in parts
        ),
        tables="".join(
            f'<div class="scroll" data-part="{part}"{" hidden" if number else ""}>{html_table(summary, part)}</div>'
            for number, part in enumerate(parts)
        ),
        regions=_regions(summary),
        colors="\n".join(
            f".s{n} line {{ stroke: var(--c{n}) }} .s{n} circle {{ fill: var(--c{n}) }}" for n in range(_COLORS)
        ),
        key="".join(
            f'<span><i style="background: var(--c{n})"></i>{escape(name)}</span>'
            for n, name in enumerate(_drawn(summary))
        ),
        plots="".join(_plots(summary)),
        order=_order(summary),
        strips="".join(_strips(folder, summary)),
        definitions="".join(_definitions(summary)),
    )


def _subtitle(summary: Summary) -> str:
    people = len({key.identity for key in summary.keys})
    styles = len({key.style for key in summary.keys})
    command = f"megactor eval --suite {summary.suite} --clips {len(summary.keys) + len(summary.skipped)}"
    counts = f"{len(summary.keys)} clips, {people} portraits" + (f", {styles} styles" if styles > 1 else "")
    return f"{counts} · <code>{escape(command)}</code>"


def _beside(summary: Summary) -> list[str]:
    return [name for name in summary.systems if name in REFERENCE_SYSTEMS]


def _notes(summary: Summary) -> Iterator[str]:
    if summary.not_measured:
        yield "Not measured: " + "; ".join(f"{name}: {reason}" for name, reason in summary.not_measured.items()) + "."
    if summary.skipped:
        listed = "; ".join(f"{name}: {reason}" for name, reason in summary.skipped.items())
        yield f"Skipped: {listed}."
    if not summary.has_truth:
        yield "There are no true frames here: motion is compared with the driver, whose face has other proportions."


def _cards(summary: Summary) -> Iterator[str]:
    system = summary.systems[0]
    values = [(METRICS[metric], summary.estimates(summary.keys, system, metric)) for metric in _CARDS]
    for metric, value in [(metric, value) for metric, value in values if value.count][:_MOST_CARDS]:
        yield (
            f'<div class="card" title="{escape(metric.meaning)}"><span>{escape(metric.label)}</span>'
            f"<strong>{figure(value, metric.digits)}</strong><small>{interval(value, metric.digits)}</small></div>"
        )


def _marks(summary: Summary) -> str:
    first = escape(summary.systems[0])
    bold = "Bold: the best of the systems that compete. " if len(_drawn(summary)) > 1 else ""
    return (
        f'{bold}<b style="color: var(--good)">▼</b> {first} is better than this column on the same clips, '
        f'<b style="color: var(--bad)">▲</b> worse, both sure at 95&#8239;% (paired).'
    )


def _regions(summary: Summary) -> str:
    table = html_regions(summary)
    if not table:
        return ""
    return (
        '<h2>Where the error lies</h2><p class="soft">What the portrait shows of a true frame must be moved, what it '
        "hides must be generated; the renderer knows which is which. All clips' pixels of a region together, the first "
        f'frames left out.</p><div class="scroll">{table}</div>'
    )


def _drawn(summary: Summary) -> list[str]:
    return [name for name in summary.systems if name not in UNRANKED][:_COLORS]


def _plots(summary: Summary) -> Iterator[str]:
    kinds: tuple[tuple[str, Callable[[CaseId], str]], ...] = (
        ("By style of the portrait", lambda key: key.style),
        ("By identity", lambda key: key.identity),
    )
    for heading, group_of in kinds:
        groups: dict[str, list[CaseId]] = {}
        for key in summary.keys:
            groups.setdefault(group_of(key), []).append(key)
        if 1 < len(groups) <= _GROUPS and len(groups) < len(summary.keys):
            yield from _section(heading, partial(_grouped, summary, groups))
    one_each = len({key.identity for key in summary.keys}) == len(summary.keys)
    heading = "By identity: every clip is another person" if one_each else "Every clip"
    yield from _section(heading, partial(_sorted, summary))


def _section(heading: str, draw: Callable[[str], str]) -> Iterator[str]:
    pictures = [(METRICS[metric], draw(metric)) for metric in _PLOTS]
    cards = [
        f'<div class="card"><h3>{escape(metric.label)}</h3><span>{metric.better} is better</span>{picture}</div>'
        for metric, picture in pictures
        if picture
    ][:_MOST_PLOTS]
    if cards:
        yield f'<h3 style="margin: 18px 0 8px">{escape(heading)}</h3><div class="plots">{"".join(cards)}</div>'


def _grouped(summary: Summary, groups: dict[str, list[CaseId]], metric: str) -> str:
    rows = [
        (f"{name} ({len(keys)})", [summary.estimates(keys, system, metric) for system in _drawn(summary)])
        for name, keys in sorted(groups.items())
    ]
    return dots_with_whiskers(rows, METRICS[metric].digits)


def _sorted(summary: Summary, metric: str) -> str:
    if len(summary.keys) < 2:
        return ""
    series = [
        [(f"{key.name}, {system}", summary.value(key, system, metric)) for key in summary.keys]
        for system in _drawn(summary)
    ]
    return sorted_dots(series, METRICS[metric].digits)


def _order(summary: Summary) -> str:
    system = escape(summary.systems[0])
    by = f"{system}'s gain in PSNR over the still portrait" if summary.has_truth else f"{system}'s AED"
    shown = len(_shown(summary))
    best = f", the last {BEST} are the best" if shown < len(summary.keys) else ""
    of = f"{shown} of {len(summary.keys)} clips"
    return f"{of}, by {by}{best}. Videos play when they are seen; a click stops one."


def _shown(summary: Summary) -> list[CaseId]:
    order = summary.worst_first()
    return order if len(order) <= WORST + BEST else order[:WORST] + order[-BEST:]


def _strips(folder: Path, summary: Summary) -> Iterator[str]:
    for key in _shown(summary):
        parts = strip_parts(folder, key.name, _drawn(summary))
        video, poster = strip_video(parts)
        width = len(parts) * _LEAST_TILE
        heads = "".join(f"<span>{escape(title)}</span>" for title, _ in parts)
        yield (
            f'<article class="strip"><header><h3>{escape(key.name)}</h3>{_strip_figures(summary, key)}</header>'
            f'<div style="overflow-x: auto"><div style="min-width: {width}px"><div class="heads">{heads}</div>'
            f'<video src="{video}" poster="{poster}" muted loop playsinline controls preload="metadata"></video>'
            "</div></div></article>"
        )


def _strip_figures(summary: Summary, key: CaseId) -> str:
    shown: Sequence[str] = ("psnr_gain", "r_mouth", "r_yaw", "aed", "apd")
    texts = [key.style] if key.style != "-" else []
    for metric in shown:
        value = summary.value(key, summary.systems[0], metric)
        if value == value:
            texts.append(f"{METRICS[metric].label} {value:.{min(METRICS[metric].digits, 2)}f}")
    return "".join(f"<span>{escape(text)}</span>" for text in texts)


def _definitions(summary: Summary) -> Iterator[str]:
    measured = {metric for figures in summary.parts.values() for row in figures.values() for metric in row}
    for name, metric in METRICS.items():
        if name in measured:
            yield f"<dt>{escape(metric.label)}</dt><dd>{escape(metric.meaning)}</dd>"
