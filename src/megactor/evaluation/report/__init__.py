"""What an evaluation leaves for people and programs: summary.json, summary.md and report.html."""

import json
from dataclasses import asdict
from pathlib import Path

from megactor.evaluation.definitions import METRICS
from megactor.evaluation.report.page import html_page
from megactor.evaluation.report.table import markdown
from megactor.evaluation.rows import known
from megactor.evaluation.summary import Summary
from megactor.media.atomic import atomic_path

JSON, MARKDOWN, HTML = "summary.json", "summary.md", "report.html"


def write_report(folder: Path, summary: Summary) -> None:
    """Writes all three into a run's folder.

    Raises:
        OutputError: they cannot be written.
    """
    numbers = {
        "suite": summary.suite,
        "systems": summary.systems,
        "clips": len(summary.keys),
        "skipped": summary.skipped,
        "not_measured": summary.not_measured,
        "parts": {
            part: {system: {name: asdict(value) for name, value in row.items()} for system, row in figures.items()}
            for part, figures in summary.parts.items()
        },
        "differences": {
            part: {
                other: {
                    name: asdict(value) for name in METRICS if (value := summary.difference(part, other, name)).count
                }
                for other in summary.systems[1:]
            }
            for part in summary.parts
        },
        "regions": {
            system: {name: asdict(value) for name, value in row.items()} for system, row in summary.regions().items()
        },
    }
    texts = {
        JSON: json.dumps(known(numbers), indent=1),
        MARKDOWN: markdown(summary),
        HTML: html_page(folder, summary),
    }
    for name, text in texts.items():
        with atomic_path(folder / name, force=True) as path:
            path.write_text(text + "\n", encoding="utf-8")
