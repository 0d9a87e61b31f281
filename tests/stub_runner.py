"""A runner whose job costs milliseconds, and a server around it that can be killed."""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from megactor.errors import ModelError
from megactor.jobs import Engine, JobLimits, Outcome, Report, RunnerSpec, Task

SPEC = RunnerSpec("stub_runner:make")


def make(failing: str = "") -> "StubRunner":
    if failing:
        raise ModelError(failing)
    return StubRunner()


class StubRunner:
    """Counts `parts` of `seconds` each, then writes what it read. Other options: `pauses` (a folder: each stage ends
    when a file of its name is there), `deaf` (hears of no cancel), `die` (ends its process), `fail` (raises)."""

    costs: Mapping[str, float] = {"look": 1.0, "draw": 1.0}

    def pace_key(self, task: Task) -> str:
        return str(task.options.get("seconds"))

    def run(self, task: Task, report: Report) -> Outcome:
        options = task.options
        for stage, parts in (("look", 1), ("draw", options.get("parts", 3))):
            for part in range(parts):
                time.sleep(options.get("seconds", 0.001))
                if not options.get("deaf"):
                    report.count(stage, part + 1, parts)
            while options.get("pauses") and not Path(options["pauses"], stage).exists():
                time.sleep(0.01)
        report.picture(lambda: b"a picture")
        if options.get("die"):
            os.kill(os.getpid(), 9)
        if options.get("fail"):
            raise ValueError(f"no good: {task.inputs['file']}\nat all")
        result = task.folder / "result.txt"
        result.write_bytes(task.inputs["file"].read_bytes())
        return Outcome(result, {"length": result.stat().st_size})


if __name__ == "__main__":
    limits = JobLimits(jobs=0, jobs_of_caller=0)
    with Engine(Path(sys.argv[1]), SPEC, workers=2, limits=limits) as engine:
        while True:
            print(*engine.processes, flush=True)
            time.sleep(0.02)
