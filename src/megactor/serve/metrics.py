"""Counters in Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats/."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)
"""Upper edges of the histogram of request times, in seconds."""


class RequestMetrics:
    """Counts requests by route, so that names of jobs do not make a series each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._seconds: Counter[str] = Counter()
        self._below: Counter[tuple[str, float]] = Counter()
        self._started = time.time()

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        with self._lock:
            self._requests[method, route, status] += 1
            self._seconds[route] += seconds  # type: ignore[assignment]
            for edge in BUCKETS:
                self._below[route, edge] += seconds <= edge

    def text(self, jobs: Mapping[str, int], ready: bool, workers: Sequence[int]) -> str:
        """Everything, with what is known of the jobs, of this process and of the workers' processes."""
        with self._lock:
            requests, seconds, below = Counter(self._requests), Counter(self._seconds), Counter(self._below)
        memory = [({"worker": str(number)}, resident_bytes(process)) for number, process in enumerate(workers)]
        states = [({"state": state}, jobs.get(state, 0)) for state in _STATES]
        lines = [
            *_series("megactor_jobs", "gauge", "Jobs that are kept, by state.", states),
            *_series("megactor_ready", "gauge", "Whether a worker can take jobs.", [({}, int(ready))]),
            *_series(
                "megactor_http_requests_total",
                "counter",
                "Requests answered.",
                [
                    ({"method": method, "route": route, "status": str(status)}, count)
                    for (method, route, status), count in sorted(requests.items())
                ],
            ),
            "# HELP megactor_http_request_seconds Time until the answer's last byte.",
            "# TYPE megactor_http_request_seconds histogram",
        ]
        for route, total in sorted(seconds.items()):
            count = sum(number for (_, name, _), number in requests.items() if name == route)
            edges = [({"route": route, "le": f"{edge:g}"}, below[route, edge]) for edge in BUCKETS]
            lines += _samples("megactor_http_request_seconds_bucket", [*edges, ({"route": route, "le": "+Inf"}, count)])
            lines += _samples("megactor_http_request_seconds_sum", [({"route": route}, round(total, 6))])
            lines += _samples("megactor_http_request_seconds_count", [({"route": route}, count)])
        used = resource.getrusage(resource.RUSAGE_SELF)
        lines += [
            *_series("megactor_worker_resident_memory_bytes", "gauge", "Of the workers.", memory),
            *_series("process_start_time_seconds", "gauge", "When the server began.", [({}, self._started)]),
            *_series("process_resident_memory_bytes", "gauge", "Of the server.", [({}, resident_bytes(os.getpid()))]),
            *_series("process_cpu_seconds_total", "counter", "Of the server.", [({}, used.ru_utime + used.ru_stime)]),
        ]
        return "\n".join(lines) + "\n"


_STATES = ("waiting", "running", "done", "failed", "canceled")
_Sample = tuple[Mapping[str, str], float]


def resident_bytes(process: int) -> int:
    """Memory of a process; 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _series(name: str, kind: str, words: str, samples: Iterable[_Sample]) -> list[str]:
    return [f"# HELP {name} {words}", f"# TYPE {name} {kind}", *_samples(name, samples)]


def _samples(name: str, samples: Iterable[_Sample]) -> list[str]:
    lines = []
    for labels, value in samples:
        told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"{name}{{{told}}} {value}" if told else f"{name} {value}")
    return lines


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
