"""`report.html`: what was kept, what was dropped and why, in one file that loads nothing from anywhere."""

import html
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from megactor.curate.filter import REASONS
from megactor.curate.index import printable, start_second
from megactor.curate.settings import CurationSettings
from megactor.curate.store import Store
from megactor.media.atomic import atomic_path, os_errors_as_output_errors

REPORT = "report.html"
EXAMPLES, MOST_NAMES = 6, 20
"""Strips of each reason, and lines of files that gave nothing."""

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24 }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { text-align: left; padding: .2rem 1rem .2rem 0; border-bottom: 1px solid #d8dee4 }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
figure { display: inline-block; margin: 0 1.5rem 1rem 0 }
figcaption { color: #57606a; font-size: 13px; max-width: 32rem; overflow-wrap: anywhere }
.bar { fill: #6e9bd1 } .line { stroke: #c0392b; stroke-width: 1.5 } .axis { fill: #57606a; font-size: 11px }
"""

_HISTOGRAMS = {
    "side": ("pixels of the crop in the source", "least_side"),
    "face": ("share of the crop that the face has", "least_face"),
    "brightness": ("brightness", "least_brightness"),
    "sharpness": ("sharpness", "least_sharpness"),
    "jitter": ("jitter", "most_jitter"),
    "motion": ("motion", "least_motion"),
    "score": ("expression and gaze", None),
    "swapped_motion": ("swapped: motion kept", None),
    "swapped_seam": ("swapped: edges along the rim beside the clip's own", None),
    "swapped_likeness": ("swapped: likeness left", None),
    "styled_motion": ("styled: motion kept", None),
}
"""Measure -> title, and the setting that is its limit."""


def write_report(
    store: Store,
    clips: Sequence[Mapping[str, Any]],
    sources: Sequence[Mapping[str, Any]],
    selected: Collection[str],
    settings: CurationSettings,
) -> None:
    """Writes the report.

    Args:
        store: of the run.
        clips: records.
        sources: records.
        selected: clips for stage 3.
        settings: of the run.
    """
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        f'<meta http-equiv=Content-Security-Policy content="{_POLICY}">',
        f"<title>Curation report</title><style>{_STYLE}</style><h1>Curation report</h1>",
        *_summary(clips, sources, selected, settings),
        "<h2>Why clips were dropped</h2>",
        *_counts(clips, sources),
        *_lost_sources(sources),
        "<h2>What was measured</h2><p>All clips that came so far; the red line is the limit.</p>",
        *_histograms(clips, settings),
        *_twins(clips),
        "<h2>Worker time</h2>",
        *_times(clips, sources),
        *_examples(store, clips, selected, settings),
    ]
    target = store.folder / REPORT
    with atomic_path(target, force=True) as path, os_errors_as_output_errors(target):
        path.write_text("\n".join(parts), encoding="utf-8")


def _summary(
    clips: Sequence[Mapping[str, Any]],
    sources: Sequence[Mapping[str, Any]],
    selected: Collection[str],
    settings: CurationSettings,
) -> Iterator[str]:
    kept = [clip for clip in clips if clip["reason"] is None]
    seconds = sum(clip["frames"] for clip in kept) / settings.fps
    found = sum(clip["plan"]["last"] - clip["plan"]["first"] for clip in clips) / settings.fps
    yield (
        f"<p>{len(sources)} sources, {len(clips)} clips of {_duration(found)} in all; <b>{len(kept)} kept, "
        f"{_duration(seconds)}</b>, {len(selected)} marked for stage 3. "
        f"{settings.size} x {settings.size} pixels, {settings.fps:g} frames a second.</p>"
    )


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"


def _counts(clips: Sequence[Mapping[str, Any]], sources: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    of_clips = Counter(clip["reason"] for clip in clips)
    of_sources = Counter(record["reason"] for record in sources)
    yield "<table><tr><th>reason<th class=n>clips<th class=n>files<th>meaning"
    yield f"<tr><td><b>kept</b><td class=n>{of_clips[None]}<td class=n><td>"
    for reason, meaning in REASONS.items():
        if of_clips[reason] or of_sources[reason]:
            files = of_sources[reason] or ""
            yield f"<tr><td>{reason}<td class=n>{of_clips[reason] or ''}<td class=n>{files}<td>{html.escape(meaning)}"
    yield "</table>"


def _lost_sources(sources: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    lost = [record for record in sources if record["reason"] not in (None, "no_shot")]
    if not lost:
        return
    yield "<details><summary>Files that could not be used</summary><ul>"
    for record in lost[:MOST_NAMES]:
        yield f"<li>{_text(record['source']['name'])}: {_text(record['detail'])}"
    if len(lost) > MOST_NAMES:
        yield f"<li>and {len(lost) - MOST_NAMES} more: see index.parquet"
    yield "</ul></details>"


def _histograms(clips: Sequence[Mapping[str, Any]], settings: CurationSettings) -> Iterator[str]:
    for name, (title, limit) in _HISTOGRAMS.items():
        values = [clip["found"][name] for clip in clips if clip["found"].get(name) is not None]
        if values:
            yield histogram(title, np.array(values, float), None if limit is None else getattr(settings, limit))


def histogram(title: str, values: np.ndarray, limit: float | None, width: int = 260, height: int = 90) -> str:
    """An SVG figure of the distribution; the outermost percent at each end is put into the last bars."""
    low, high = (float(v) for v in np.percentile(values, [1, 99]))
    if limit is not None:
        low, high = min(low, limit), max(high, limit)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    counts, _ = np.histogram(np.clip(values, low, high), 26, (low, high))
    step = width / len(counts)
    bars = []
    for i, count in enumerate(counts):
        tall = height * float(count) / counts.max()
        bars.append(
            f"<rect class=bar x={i * step:.1f} y={height - tall:.1f} width={step - 1:.1f} height={tall:.1f}></rect>"
        )
    line = ""
    if limit is not None:
        x = (limit - low) / (high - low) * width
        line = f"<line class=line x1={x:.1f} x2={x:.1f} y1=0 y2={height}></line>"
    return (
        f"<figure><svg width={width} height={height + 16}>{''.join(bars)}{line}"
        f"<text class=axis x=0 y={height + 12}>{low:.3g}</text>"
        f"<text class=axis x={width} y={height + 12} text-anchor=end>{high:.3g}</text></svg>"
        f"<figcaption>{html.escape(title)} ({len(values)} clips)</figcaption></figure>"
    )


def _twins(clips: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    made: dict[str, Counter[str]] = defaultdict(Counter)
    for clip in clips:
        for stream, what in clip.get("twins", {}).items():
            made[stream][what] += 1
    if made:
        yield "<h2>Twins</h2><table><tr><th>stream<th>result<th class=n>clips"
        for stream, counts in sorted(made.items()):
            for what, count in counts.most_common(MOST_NAMES):
                yield f"<tr><td>{_text(stream)}<td>{_text(what)}<td class=n>{count}"
        yield "</table>"


def _times(clips: Sequence[Mapping[str, Any]], sources: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    seconds: dict[str, list[float]] = defaultdict(list)
    for record in (*sources, *clips):
        for stage, spent in record["seconds"].items():
            seconds[stage].append(spent)
    yield "<table><tr><th>stage<th class=n>files or clips<th class=n>seconds each<th class=n>each second, one worker"
    for stage, spent in seconds.items():
        mean = float(np.mean(spent))
        rate = 1 / max(mean, 1e-6)
        yield f"<tr><td>{_text(stage)}<td class=n>{len(spent)}<td class=n>{mean:.2f}<td class=n>{rate:.2f}"
    yield "</table>"


def _examples(
    store: Store, clips: Sequence[Mapping[str, Any]], selected: Collection[str], settings: CurationSettings
) -> Iterator[str]:
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for clip in clips:
        what = clip["reason"] or ("marked for stage 3" if clip["key"] in selected else "kept")
        if len(groups[what]) < EXAMPLES:
            groups[what].append(clip)
    for what in ("kept", "marked for stage 3", *REASONS):
        shown = [(clip, store.strip(clip["key"])) for clip in groups.get(what, [])]
        if not any(strip for _, strip in shown):
            continue
        yield f"<h2>{html.escape(what)}</h2>"
        for clip, strip in shown:
            if strip:
                begins = start_second(clip["plan"], settings)
                name = f"{_text(clip['plan']['source']['name'])}, {begins:.2f} s {_text(clip['detail'])}"
                yield f'<figure><img src="data:image/jpeg;base64,{html.escape(strip)}" alt=""><figcaption>{name}'
                yield "</figcaption></figure>"


def _text(value: str) -> str:
    return html.escape(printable(value))
