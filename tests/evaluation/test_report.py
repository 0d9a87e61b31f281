"""The numbers behind the report, and its pictures, without running a model."""

import math
import re

import pytest

from megactor.evaluation.case import CaseId
from megactor.evaluation.report.charts import dots_with_whiskers, sorted_dots
from megactor.evaluation.report.table import html_table, markdown
from megactor.evaluation.rows import Row
from megactor.evaluation.summary import summarize
from megactor.metrics.statistics import Estimate

KEYS = [CaseId(f"{n}", ("photo", "oil")[n % 2], f"p{n}", cross=n < 7) for n in range(9)]


def row(key: CaseId, system: str, **metrics: float) -> Row:
    return Row(key, system, metrics)


@pytest.fixture
def summary():
    gains = (1.0, -2.0, 3.0, 0.0, 2.0, -1.0, 4.0, 0.5, math.nan)
    rows = [row(key, "nano", psnr_gain=gain, l1=0.1) for key, gain in zip(KEYS, gains, strict=True)]
    rows += [row(key, "warp", psnr_gain=gain - 1, l1=0.2) for key, gain in zip(KEYS, gains, strict=True)]
    rows += [row(key, "truth", found=1.0) for key in KEYS]
    return summarize("synthbench", ["nano", "warp", "truth"], KEYS, rows, {"FID": "no network"})


def test_parts(summary):
    assert list(summary.parts) == ["cross", "self", "cross, photo", "cross, drawn"]
    assert summary.parts["cross"]["nano"]["psnr_gain"].mean == pytest.approx(1)
    assert summary.parts["self"]["nano"]["psnr_gain"].count == 1
    assert "psnr_gain" not in summary.parts["cross"]["truth"]


def test_worst_first_and_unknown_before_all(summary):
    assert [key.name for key in summary.worst_first()] == ["8", "1", "5", "3", "7", "0", "4", "2", "6"]


def test_a_lead_is_counted_on_the_same_clips(summary):
    """The means' intervals overlap, but every single clip is better."""
    figures = summary.parts["cross"]
    assert figures["warp"]["psnr_gain"].high > figures["nano"]["psnr_gain"].low
    assert summary.lead("cross", "warp", "psnr_gain") == 1
    assert summary.lead("cross", "warp", "l1") == 1  # lower is better
    assert summary.lead("self", "warp", "psnr_gain") == 0  # a single clip
    assert summary.lead("cross, photo", "warp", "psnr_gain") == 0  # four clips, though each is better
    assert summary.lead("cross", "truth", "psnr_gain") == 0


def test_markdown(summary):
    lines = markdown(summary).splitlines()
    assert lines[0] == "| cross, n=7 | nano | warp | truth |"
    interval = re.fullmatch(
        r"\| PSNR gain, dB ↑ \| \*\*1.00\*\* \((-0.\d\d) to (2.\d\d)\) \| 0.00 \(.*\) \| - \|", lines[2]
    )
    assert interval
    assert float(interval[1]) < -0.5 and float(interval[2]) > 2.5  # of seven clips
    assert lines[3].startswith("| L1 ↓ | **0.1000** (0.1000 to 0.1000) | 0.2000")
    assert "| PSNR gain, dB ↑ | **0.50** (one clip), n=1 | -0.50 (one clip), n=1 | - |" in lines
    assert lines[-1] == "FID: not measured: no network"
    assert not any("photo" in line for line in markdown(summary, details=False).splitlines())


def test_differences_are_those_of_the_same_clips(summary):
    """Every clip is better by one, whatever the spread of the means."""
    lines = markdown(summary).splitlines()
    start = lines.index("| cross, the same clips | nano less warp |")
    assert lines[start + 2] == "| PSNR gain, dB ↑ | +1.00 (1.00 to 1.00) |"
    assert lines[start + 3] == "| L1 ↓ | -0.1000 (-0.1000 to -0.1000) |"
    assert "less" not in markdown(summary, details=False)
    assert (
        "| PSNR gain, dB ↑ | +1.00 (too few clips) |"
        in lines[lines.index("| cross, photo, n=4 | nano | warp | truth |") :]
    )


def test_html_marks_sure_leads_and_escapes_names(summary):
    table = html_table(summary, "cross")
    assert table.count('class="lead"') == 2 and 'class="lag"' not in table
    summary.systems[1] = "<b>"
    summary.parts["cross"]["<b>"] = summary.parts["cross"]["warp"]
    assert "<b></th>" not in html_table(summary, "cross")


def test_ratios_are_best_near_one_and_summed_up_by_their_median():
    keys = KEYS[:7]
    ratios = {"large": [1.7] * 7, "half": [0.5] * 7, "wild": [90.0] + [1.1] * 6, "still": [0.0] * 7}
    rows = [row(key, name, amplitude_mouth=x) for name, xs in ratios.items() for key, x in zip(keys, xs, strict=True)]
    summary = summarize("cross", list(ratios), keys, rows, {})
    line = next(line for line in markdown(summary).splitlines() if line.startswith("| Mouth amplitude → 1 | "))
    assert line.split(" | ")[1:3] == ["1.70 (1.70 to 1.70)", "0.50 (0.50 to 0.50)"]
    assert line.split(" | ")[3].startswith("**1.10** (1.10 to")
    leads = {name: summary.lead("cross", name, "amplitude_mouth") for name in ("half", "still")}
    assert leads == {"half": 1, "still": 1}  # as factors, 1.7 is nearer to 1 than 0.5


def test_skipped_cases_are_not_judged():
    rows = [row(KEYS[0], "nano", l1=0.1), Row(KEYS[1], "", {}, skipped="no face")]
    summary = summarize("self", ["nano"], KEYS[:2], rows, {})
    assert summary.skipped == {"1": "no face"} and summary.keys == KEYS[:1]


def test_plots_stay_inside():
    values = [Estimate(0.5, -1.25, 2.0, 4), Estimate(math.nan, math.nan, math.nan, 0)]
    plot = dots_with_whiskers([("a & b", values)], 2)
    assert plot.count("<circle") == 1 and "a &amp; b" in plot
    numbers = [float(text) for text in re.findall(r' (?:cx|x1|x2)="([^"]+)"', plot)]
    assert min(numbers) >= 0 and max(numbers) <= 400
    assert dots_with_whiskers([("a", values[1:])], 2) == ""


def test_sorted_plots_follow_the_first_system():
    first, second = [("a", 3.0), ("b", 1.0), ("c", math.nan)], [("a", 0.0), ("b", 5.0), ("c", 2.0)]
    plot = sorted_dots([first, second], 1)
    own = plot.split('class="s0"')[1:]
    assert ["b: 1.0" in own[0], "a: 3.0" in own[1]] == [True, True]
    assert plot.count("<circle") == 5
    assert sorted_dots([[("a", math.nan)]], 1) == ""
