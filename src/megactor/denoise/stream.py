"""Denoising a clip of any length in flat memory.

Two ways, which differ in how a frame learns of its neighbors:

- `denoise_stream`: overlapping windows, as `whole_clip.denoise`. All windows of one denoising step need each other's
  results at the step before, but only their neighbors': frame i after step s depends on windows around i, not on the
  whole clip. So each step is a generator that pulls frames from the step before it, runs windows as soon as their
  frames are there, and passes frames on as soon as no later window covers them. S chained steps hold about S windows
  of frames, whatever the length of the clip, and the result equals `whole_clip.denoise` over the same windows
  (tests/denoise/test_stream.py).
- `denoise_chunks`: a few new frames at a time go through all steps, together with the frames before them, whose latents
  at every step are still known. Nothing waits for later frames, so this is the one for a live camera; other numbers.
"""

import copy
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Generic

import torch
from torch import Tensor

from megactor.denoise.solvers import step_arguments
from megactor.denoise.whole_clip import Conditions, Predictor


@dataclass(frozen=True)
class StreamFrame(Generic[Conditions]):
    """One frame on its way through the steps.

    latents: (1, C, 1, h, w), as they are before the step that receives the frame.
    conditions: what the denoiser has to know of this frame; passed through untouched.
    solver: the diffusers scheduler that moves this frame, as it is before the step. Every frame has its own, because
        multistep solvers remember earlier predictions and the frames of different steps are interleaved.
    """

    latents: Tensor
    conditions: Conditions
    solver: Any


def solver_step(
    output: Tensor, frame: StreamFrame[Conditions], step: int, generator: torch.Generator | None
) -> StreamFrame[Conditions]:
    """The frame after its solver's step; the frame before keeps its own state.

    Args:
        output: (1, C, 1, h, w) prediction.
        frame: before the step.
        step: number of the step.
        generator: randomness of solvers that add noise.
    """
    solver = copy.copy(frame.solver)  # tables are shared, so this costs next to nothing
    for name, value in vars(solver).items():
        if isinstance(value, list):  # a multistep solver's earlier predictions
            setattr(solver, name, list(value))
    extra = step_arguments(solver, generator)
    latents = solver.step(output, solver.timesteps[step], frame.latents, **extra).prev_sample
    return replace(frame, latents=latents, solver=solver)


def _predicted(
    predict: Predictor[Conditions], windows: Sequence[Sequence[StreamFrame[Conditions]]], step: int
) -> Tensor:
    """(B, C, F, h, w) predictions for B windows of F frames."""
    sample = torch.cat([torch.cat([_scaled(frame, step) for frame in window], dim=2) for window in windows])
    return predict(sample, [[frame.conditions for frame in window] for window in windows], step)


def _scaled(frame: StreamFrame[Conditions], step: int) -> Tensor:
    scaled: Tensor = frame.solver.scale_model_input(frame.latents, frame.solver.timesteps[step])
    return scaled


def denoise_stream(
    frames: Iterable[StreamFrame[Conditions]],
    windows: Sequence[Sequence[int]],
    steps: int,
    predict: Predictor[Conditions],
    generator: torch.Generator | None = None,
    window_batch: int = 1,
) -> Iterator[StreamFrame[Conditions]]:
    """Chains `steps` denoising steps over a stream of frames.

    Args:
        frames: the clip's frames in order, with their initial noise.
        windows: `windows.context_windows(..., cyclic=False)`: consecutive frame numbers, ascending starts.
        steps: number of denoising steps.
        predict: runs the denoiser on windows.
        generator: randomness of solvers that add noise.
        window_batch: windows handed to `predict` at once; more hold more frames.

    Yields:
        The frames in order, with their final latents.
    """
    # a step that lacks a frame says so, and the step before it is asked: a thousand steps that called each other would
    # be more than Python nests
    arrived: list[deque[StreamFrame[Conditions]]] = [deque() for _ in range(steps)]
    chain = [_one_step(arrived[step], windows, step, predict, generator, window_batch) for step in range(steps)]
    source = iter(frames)
    asked = steps - 1
    while True:
        try:
            frame = next(chain[asked]) if asked >= 0 else next(source)
        except StopIteration:
            return
        if frame is None:
            asked -= 1
        elif asked == steps - 1:
            yield frame
        else:
            asked += 1
            arrived[asked].append(frame)


def _one_step(
    arrived: deque[StreamFrame[Conditions]],
    windows: Sequence[Sequence[int]],
    step: int,
    predict: Predictor[Conditions],
    generator: torch.Generator | None,
    window_batch: int,
) -> Iterator[StreamFrame[Conditions] | None]:
    """Gives frames after one step; None says that it waits for another in `arrived`."""
    waiting: dict[int, StreamFrame[Conditions]] = {}
    sums: dict[int, Tensor] = {}
    counts: dict[int, int] = {}
    received = 0
    for first in range(0, len(windows), window_batch):
        group = windows[first : first + window_batch]
        while received <= group[-1][-1]:
            while not arrived:
                yield None
            waiting[received] = arrived.popleft()
            received += 1
        members = [[waiting[i] for i in window] for window in group]
        outputs = _predicted(predict, members, step)
        for window, of_window in zip(group, outputs.split(1), strict=True):
            for i, output in zip(window, of_window.split(1, dim=2), strict=True):
                sums[i] = sums[i] + output if i in sums else output
                counts[i] = counts.get(i, 0) + 1
        following = first + window_batch
        final_before = windows[following][0] if following < len(windows) else received
        for i in sorted(waiting):
            if i >= final_before:
                break
            yield solver_step(sums.pop(i) / counts.pop(i), waiting.pop(i), step, generator)


def denoise_chunks(
    frames: Iterable[StreamFrame[Conditions]],
    chunk: int,
    window: int,
    steps: int,
    predict: Predictor[Conditions],
    generator: torch.Generator | None = None,
) -> Iterator[StreamFrame[Conditions]]:
    """All steps for a few new frames at a time, seen together with the frames before them.

    The frames before are shown as they were at the same step, so all frames of a window are equally noisy, as the
    network knows it; they are not changed any more. Once there are enough of them, all windows are equally long.

    Args:
        frames: frames in order, with their initial noise; any number. Never more than `chunk` are read ahead.
        chunk: new frames at a time, 1 to `window`.
        window: frames that the denoiser sees at once.
        steps: number of denoising steps.
        predict: runs the denoiser on one window.
        generator: randomness of solvers that add noise.

    Yields:
        The frames in order, with their final latents.
    """
    if not 1 <= chunk <= window:
        raise ValueError(f"chunks of {chunk} frames do not fit into windows of {window}")
    before: list[deque[StreamFrame[Conditions]]] = [deque(maxlen=window) for _ in range(steps)]
    source = iter(frames)
    while current := list(islice(source, chunk)):
        for step in range(steps):
            before[step].extend(current)
            outputs = _predicted(predict, [list(before[step])], step)[:, :, -len(current) :].split(1, dim=2)
            current = [
                solver_step(output, frame, step, generator) for output, frame in zip(outputs, current, strict=True)
            ]
        yield from current
