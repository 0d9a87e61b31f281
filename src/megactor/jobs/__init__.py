"""One engine for animations that are asked for from outside: the web page and any other server stand on it.

    with Engine(folder, RunnerSpec("megactor.jobs.animation:load", {"model": "nano"})) as engine:
        portrait = engine.contents.add(Path("me.jpg"), "me.jpg")
        driving = engine.contents.add(Path("talk.mp4"), "talk.mp4")
        job = engine.queue.submit({"portrait": portrait, "driving": driving}, {"seed": 1}, caller="me")
        while not (job := engine.queue.wait(job.id, job.version)).over:
            print(job.progress)

Everything is a row in SQLite or a file beside it, so whoever is killed at any moment loses nothing that was accepted.
Importing this package is cheap; what a job needs is loaded by the worker processes.
"""

from megactor.jobs.contents import Contents
from megactor.jobs.engine import Engine
from megactor.jobs.job import Input, Job, Progress
from megactor.jobs.limits import CallerBusy, JobLimits, KeyReused, QueueFull, TooLarge
from megactor.jobs.place import state_folder, tidy
from megactor.jobs.queue import Queue
from megactor.jobs.runner import Outcome, Report, Runner, RunnerSpec, Stopped, Task
from megactor.jobs.visits import Visit, Visits

__all__ = [
    "CallerBusy",
    "Contents",
    "Engine",
    "Input",
    "Job",
    "JobLimits",
    "KeyReused",
    "Outcome",
    "Progress",
    "Queue",
    "QueueFull",
    "Report",
    "Runner",
    "RunnerSpec",
    "Stopped",
    "Task",
    "TooLarge",
    "Visit",
    "Visits",
    "state_folder",
    "tidy",
]
