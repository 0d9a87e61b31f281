"""The training loop: from a config to a model folder, in any number of processes, stopped and resumed at any step."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import Tensor

from megactor.compute.compiling import compile_blocks
from megactor.errors import InputError
from megactor.train.average import MovingAverage
from megactor.train.build import build_networks, build_task
from megactor.train.checkpoint import TrainingState, checkpoints, load_checkpoint, save_checkpoint
from megactor.train.config import DiffusionConfig, TrainConfig
from megactor.train.dataset import Samples, sample_loader, samples_of_a_pass
from megactor.train.launch import is_orphan
from megactor.train.parallel import Replicas, Shards, whole_number
from megactor.train.reports import RunReports
from megactor.train.samples import Batch
from megactor.train.schedule import learning_rate
from megactor.train.state import get_optimizer, get_weights, learning_weights, set_optimizer, set_weights
from megactor.train.validation import parts, validation_batch, validation_data
from megactor.weights.write import weights_folder

MOST_SKIPPED, ENOUGH_SAMPLES = 0.05, 400
"""A run ends with an error when more than this share of its clips is broken, once it saw enough to tell."""

_VALIDATION_PASS = 8
"""Samples that are validated at once."""


@dataclass
class TrainingProgress:
    """How far a run is.

    step: optimizer steps done.
    samples: that they saw.
    skipped: broken clips met on the way.
    waited, worked: seconds since the start of this session spent waiting for samples, and in all.
    """

    step: int = 0
    samples: int = 0
    skipped: int = 0
    waited: float = 0.0
    worked: float = field(default=1e-9)


OnStep = Callable[[TrainingProgress, dict[str, float]], None]


class Trainer:
    """One run in one folder: `checkpoints`, `events` for TensorBoard, `validation` pictures, and at the end `model`.

    Args:
        config: of the run.
        folder: of the run, which exists; a run that was interrupted there goes on.
        on_step: called by the main process after every step with the progress and the losses.
        cpu: leave a GPU alone.

    Attributes:
        progress: so far.
        origins: where the first weights come from, if of several models.
        notes: what the user should know of the data, a line each.

    Raises:
        InputError: the folder belongs to another config, the batch cannot be shared by the processes, the machines do
            not share the folder, or clips cannot be used.
        ModelError: `config.init` is no model, or the newest checkpoint is damaged.
    """

    def __init__(self, config: TrainConfig, folder: Path, on_step: OnStep, cpu: bool = False) -> None:
        self.config, self.folder, self.on_step = config, folder, on_step
        self.accelerator = Accelerator(
            cpu=cpu,
            mixed_precision="no" if config.precision == "fp32" else config.precision,
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=_leaves_parts_out(config))],
        )
        self._pass_size = samples_of_a_pass(
            config.optimizer.batch, config.optimizer.accumulation, self.accelerator.num_processes
        )
        networks = build_networks(config)
        self.origins = networks.origins
        task = build_task(config, networks)
        if config.gradient_checkpointing:
            for name in ("unet", "reference_net"):
                networks.components[name].enable_gradient_checkpointing()
        if config.compile:
            compile_blocks(task)
        sharing = Shards if config.fully_shard and self.accelerator.num_processes > 1 else Replicas
        self.parallel = sharing(self.accelerator, task, config.optimizer)
        self.task, self.optimizer = self.parallel.module, self.parallel.optimizer
        self.weights = learning_weights(self.task)
        self.average = MovingAverage(self.weights, config.optimizer.ema) if config.optimizer.ema else None
        self.progress = TrainingProgress()
        self._samples = Samples(config.data, config.seed)
        self.notes = self._samples.notes()
        if config.validation_clips and validation_data(config) is None:
            self.notes.append(
                "nothing is validated: give validation_shards, shards of clips that training does not see"
            )
        self._validation: Batch | None = None
        self._stop = False
        self._resume()
        self._check_same_step()

    def run(self, max_seconds: float | None = None, export: bool = False) -> bool:
        """Trains to the end, or until the time is up or SIGTERM or Ctrl-C comes, and saves.

        Args:
            max_seconds: for this session.
            export: a run that stops before its last step is validated and writes `model` too.

        Returns:
            True when all steps are done; `model` is written then.

        Raises:
            InputError: too many clips are broken.
            OutputError: the disk is full, or the folder cannot be written.
        """
        started, validated = time.monotonic(), 0
        with self._stopping_on_signals(), self._reports() as reports:
            if reports is not None and self.origins:
                reports.origins(self.origins)
            batches = self._batches()
            while self.progress.step < self.config.steps and not self._is_over(started, max_seconds):
                losses = self._step(batches)
                step = self.progress.step
                if reports is not None:
                    reports.scalars("train", losses, step)
                    self.on_step(self.progress, losses)
                if step % self.config.validate_every == 0 or step == self.config.steps:
                    self._validate(reports)
                    validated = step
                if step % self.config.save_every == 0:
                    self.save()
            step = self.progress.step
            finished = step >= self.config.steps
            export = finished or (export and step > 0)
            if export and not finished and validated != step:
                self._validate(reports)
        self.save()
        if export:
            self.export(self.folder / "model")
        return finished

    def save(self) -> None:
        """Writes a checkpoint, unless this step was saved already or nothing was learned yet."""
        folder = self.folder / "checkpoints"
        if self.progress.step and folder / f"step-{self.progress.step:08d}" not in checkpoints(folder):
            scaler = self.accelerator.scaler
            state = TrainingState(
                step=self.progress.step,
                weights=get_weights(self.task),
                average=get_weights(self.task, self.average) if self.average is not None else {},
                optimizer=get_optimizer(self.task, self.optimizer.optimizer),
                scaler=None if scaler is None else scaler.state_dict(),
                about={
                    "config": self.config.model_dump(mode="json"),
                    "samples": self.progress.samples,
                    "skipped": self.progress.skipped,
                },
            )
            if self.accelerator.is_main_process:
                save_checkpoint(folder, state, self.config.keep)
        self.accelerator.wait_for_everyone()

    def export(self, folder: Path) -> None:
        """Writes the model with the averaged weights: for `--model`, and for `init` of the next run."""
        weights = get_weights(self.task, self.average)
        if self.accelerator.is_main_process:
            networks = build_networks(self.config)
            set_weights(build_task(self.config, networks), weights)
            with weights_folder(folder) as unfinished:
                networks.save(unfinished)
        self.accelerator.wait_for_everyone()

    def _resume(self) -> None:
        found = checkpoints(self.folder / "checkpoints")
        if not found:
            return
        state = load_checkpoint(found[-1])
        _check_same(state.about["config"], self.config, self.folder)
        self._tell_length(int(state.about["config"]["steps"]), state.step)
        if self.average is not None:
            set_weights(self.task, state.average)
            self.average = MovingAverage(self.weights, self.average.decay)
        set_weights(self.task, state.weights)
        set_optimizer(self.task, self.optimizer.optimizer, state.optimizer)
        if state.scaler is not None and self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(state.scaler)
        self.progress = TrainingProgress(state.step, state.about["samples"], state.about["skipped"])

    def _tell_length(self, before: int, step: int) -> None:
        steps, schedule = self.config.steps, self.config.optimizer
        if steps < step:
            raise InputError(f"{self.folder} holds a run of {step} steps already: {steps} are fewer")
        if steps != before and schedule.schedule != "constant":
            rates = (learning_rate(schedule, min(step, count - 1), count) for count in (before, steps))
            was, now = (f"{rate:.2g}" for rate in rates)
            self.notes.append(f"{steps} steps in place of {before}: the learning rate goes on at {now}, not at {was}")

    def _check_same_step(self) -> None:
        steps = self.accelerator.gather(torch.tensor([self.progress.step], device=self.accelerator.device)).tolist()
        if len(set(steps)) > 1:
            raise InputError(
                f"processes found different checkpoints in {self.folder}, of steps {min(steps)} to {max(steps)}: "
                "put the run into a folder that all machines share"
            )

    def _batches(self) -> Iterator[Batch]:
        batch, data = self.config.optimizer.batch, self.config.data
        loader = sample_loader(
            self._samples,
            first=self.progress.step * batch,
            last=self.config.steps * batch,
            batch=self._pass_size,
            rank=self.accelerator.process_index,
            world_size=self.accelerator.num_processes,
            workers=data.workers,
        )
        return iter(loader)

    def _step(self, batches: Iterator[Batch]) -> dict[str, float]:
        """One optimizer step; returns the losses, averaged over everything it saw."""
        config, progress, began = self.config, self.progress, time.monotonic()
        rate = learning_rate(config.optimizer, progress.step, config.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        passes = config.optimizer.accumulation
        total: dict[str, Tensor] = {}
        skipped = torch.zeros((), device=self.accelerator.device)
        for number in range(passes):
            asked = time.monotonic()
            batch = next(batches)
            progress.waited += time.monotonic() - asked
            batch = {name: tensor.to(self.accelerator.device, non_blocking=True) for name, tensor in batch.items()}
            last = number == passes - 1
            with self.parallel.one_pass(last):
                losses = self.parallel.losses(batch, progress.step)
                self.accelerator.backward(losses["loss"] / passes)
            skipped += batch["skipped"].sum()
            for name, loss in losses.items():
                total[name] = total.get(name, torch.zeros_like(skipped)) + loss.detach().float() / passes
        norm = self.accelerator.clip_grad_norm_(self.weights, config.optimizer.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average is not None:
            self.average.update(self.weights, progress.step + 1)
        values = torch.stack([*total.values(), skipped])
        values = self.accelerator.reduce(values, "mean") if self.accelerator.num_processes > 1 else values
        progress.step += 1
        progress.samples += config.optimizer.batch
        progress.skipped += round(float(values[-1]) * self.accelerator.num_processes)
        progress.worked += time.monotonic() - began
        self._check_skipped()
        return dict(zip(total, values[:-1].tolist(), strict=True)) | {
            "grad_norm": whole_number(norm),
            "learning_rate": rate,
        }

    def _check_skipped(self) -> None:
        skipped, samples = self.progress.skipped, self.progress.samples
        if samples >= ENOUGH_SAMPLES and skipped > MOST_SKIPPED * samples:
            raise InputError(f"{skipped} of {samples + skipped} clips cannot be used: check the data")

    @torch.no_grad()
    def _validate(self, reports: RunReports | None) -> None:
        # the first process alone, where it can compute alone
        if reports is None and self.parallel.whole:
            self.accelerator.wait_for_everyone()
            return
        if self._validation is None:
            self._validation = validation_batch(self.config)
        weights = self.average.applied(self.weights) if self.average is not None else contextlib.nullcontext()
        results = []
        # its batches have shapes of their own: compiling for them would take longer than they do
        with weights, torch.compiler.set_stance("force_eager"), self.accelerator.autocast():
            for part in parts(self._validation, _VALIDATION_PASS) if self._validation is not None else ():
                on_device = {name: tensor.to(self.accelerator.device) for name, tensor in part.items()}
                results.append(self.parallel.task.validate(on_device))
        if reports is not None and results:
            names = results[0].metrics
            means = {name: sum(result.metrics[name] for result in results) / len(results) for name in names}
            reports.scalars("validation", means, self.progress.step)
            reports.say(self.progress.step, means)
            strips = [result.strips for result in results if result.strips is not None]
            if strips:
                reports.strips(torch.cat(strips), results[0].columns, self.progress.step)
        self.accelerator.wait_for_everyone()

    def _is_over(self, started: float, max_seconds: float | None) -> bool:
        """Whether any process was asked to stop, or the time is up; the answer is the same in all processes."""
        over = self._stop or is_orphan() or (max_seconds is not None and time.monotonic() - started > max_seconds)
        if self.accelerator.num_processes == 1:
            return over
        asked = torch.tensor(float(over), device=self.accelerator.device)
        return float(self.accelerator.reduce(asked, "sum")) > 0

    @contextlib.contextmanager
    def _reports(self) -> Iterator[RunReports | None]:
        if not self.accelerator.is_main_process:
            yield None
            return
        with RunReports(self.folder) as reports:
            yield reports

    @contextlib.contextmanager
    def _stopping_on_signals(self) -> Iterator[None]:
        """The first SIGTERM or Ctrl-C ends the run after its step; a second Ctrl-C ends it at once.

        One of several processes hears no second one: torchrun sends it to all, and the terminal did so before.
        """

        def stop(number: int, _: object) -> None:
            self._stop = True
            if self.accelerator.num_processes == 1:
                signal.signal(number, before[signal.Signals(number)])

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _leaves_parts_out(config: TrainConfig) -> bool:
    """Whether some weights get no gradient in some steps."""
    return isinstance(config.task, DiffusionConfig) and config.task.without_reference > 0


def _check_same(found: dict[str, Any], config: TrainConfig, folder: Path) -> None:
    """What decides what is learned must be as it was; length, times of saving and the place of clips need not."""
    with contextlib.suppress(ValueError):  # fields that came later had their default
        found = TrainConfig.model_validate(found).model_dump(mode="json")
    before, wanted = _deciding(found), _deciding(config.model_dump(mode="json"))
    for name, value in wanted.items():
        if before.get(name) != value:
            raise InputError(
                f"{folder} holds a run with {name} {before.get(name)}, not {value}: choose another output folder"
            )


def _deciding(config: dict[str, Any]) -> dict[str, Any]:
    """A config as "a.b" -> value, without what changes nothing but speed and reports."""
    free = {"steps", "save_every", "keep", "validate_every", "validation_clips", "validation_shards", "data.workers"}
    free |= {
        "data.rendered.cache",
        "data.rendered.rig",
        "gradient_checkpointing",
        "fully_shard",
        "task.validation_guidance",
        "optimizer.accumulation",
    }

    def flat(values: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
        for name, value in values.items():
            if isinstance(value, dict):
                yield from flat(value, f"{prefix}{name}.")
            elif prefix + name not in free:
                yield prefix + name, value

    return dict(flat(config, ""))
