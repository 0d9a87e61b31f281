"""Denoising a clip of any length in flat memory.

All windows of one denoising step need each other's results at the step before, but only their neighbours': frame i
after step s depends on windows around i, not on the whole clip. So each step is a generator that pulls frames from
the step before it, runs a window as soon as its frames are there, and passes frames on as soon as no later window
covers them. S chained steps hold about S windows of frames, whatever the length of the clip, and the result equals
`sampling.denoise` over the same windows (tests/test_streaming.py).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import torch
from torch import Tensor

Conditions = TypeVar("Conditions")

WindowPredictor = Callable[[Tensor, list[Conditions], int], Tensor]
"""(latents (1, C, F, h, w), the F frames' conditions, step index) -> guided model output (1, C, F, h, w)."""

FrameStepper = Callable[[Tensor, Tensor, int], Tensor]
"""(model output (1, C, 1, h, w), latents (1, C, 1, h, w), step index) -> latents after this step."""


@dataclass(frozen=True)
class StreamFrame(Generic[Conditions]):
    """One frame on its way through the steps.

    latents: (1, C, 1, h, w), as they are before the step that receives the frame.
    conditions: what the denoiser has to know of this frame; passed through untouched.
    """

    latents: Tensor
    conditions: Conditions


def denoise_stream(
    frames: Iterable[StreamFrame[Conditions]],
    windows: Sequence[Sequence[int]],
    steps: int,
    predict: WindowPredictor[Conditions],
    step: FrameStepper,
) -> Iterator[StreamFrame[Conditions]]:
    """Chains `steps` denoising steps over a stream of frames.

    Args:
        frames: the clip's frames in order, with their initial noise.
        windows: `windows.context_windows(..., cyclic=False)`: consecutive frame numbers, ascending starts.
        steps: number of denoising steps.
        predict: runs the denoiser on one window.
        step: the scheduler's update of one frame. It must not keep state between calls, since the frames of
            different steps are interleaved (DDIM and Euler qualify, multistep solvers do not).

    Yields:
        The frames in order, with their final latents.
    """
    stream: Iterator[StreamFrame[Conditions]] = iter(frames)
    for index in range(steps):
        stream = _one_step(stream, windows, index, predict, step)
    return stream


def _one_step(
    frames: Iterator[StreamFrame[Conditions]],
    windows: Sequence[Sequence[int]],
    index: int,
    predict: WindowPredictor[Conditions],
    step: FrameStepper,
) -> Iterator[StreamFrame[Conditions]]:
    waiting: dict[int, StreamFrame[Conditions]] = {}
    sums: dict[int, Tensor] = {}
    counts: dict[int, int] = {}
    received = 0
    for number, window in enumerate(windows):
        while received <= window[-1]:
            waiting[received] = next(frames)
            received += 1
        members = [waiting[i] for i in window]
        latents = torch.cat([frame.latents for frame in members], dim=2)
        outputs = predict(latents, [frame.conditions for frame in members], index)
        for i, output in zip(window, outputs.split(1, dim=2), strict=True):
            sums[i] = sums[i] + output if i in sums else output
            counts[i] = counts.get(i, 0) + 1
        final_before = windows[number + 1][0] if number + 1 < len(windows) else received
        for i in sorted(waiting):
            if i >= final_before:
                break
            frame = waiting.pop(i)
            yield replace(frame, latents=step(sums.pop(i) / counts.pop(i), frame.latents, index))
