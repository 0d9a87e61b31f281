"""Clips rendered on the fly for training: endless, no disk, the same for the same seed."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from megactor.synth.bust import build_bust
from megactor.synth.clip import Clip, plan_clip
from megactor.synth.correspondence import correspond
from megactor.synth.renderer import Renderer
from megactor.synth.rig import Rig, find_rig
from megactor.synth.streams import stream
from megactor.synth.synthbench import FIRST_SEED
from megactor.synth.truth import collect_truth


class SyntheticClips(IterableDataset[dict[str, Any]]):
    """An endless dataset; use it with a `DataLoader` whose workers render.

    Clip number n is planned from `seed + n`. Worker w of W in process `rank` of `world_size` renders every
    (W * world_size)-th clip, so that no clip is rendered twice and a run with as many workers repeats exactly.

    A sample, with F frames of S x S pixels:

        seed            int
        target, ...     (F, 3, S, S) uint8 for each stream that was asked for
        landmarks       stream -> (F, 70, 2) float32 pixels
        foreground      stream -> (F, S, S) bool
        expressions, head_rotation, translation, gaze   float32, see `Truth`
        reference       int, the frame that is the portrait
        flow            (F, 2, S, S) float32 in picture units: pixel p of the target shows the reference's p + flow(p)
        visible         (F, S, S) bool, whether that point can be seen in the reference

    Args:
        frames: F.
        size: S.
        rig: rig file, or None for the installed one.
        seed: of the first clip, well below `synthbench.FIRST_SEED`.
        fps: frames a second.
        streams: some of `clip.STREAMS`; "target" must be among them.
        framing_jitter: see `plan_clip`.
        rank: number of this process of a distributed run.
        world_size: number of such processes.

    Raises:
        RigError: there is no rig.
        ValueError: "target" is missing, or the seed is one of the test set's.
    """

    def __init__(
        self,
        frames: int = 16,
        size: int = 256,
        rig: Path | None = None,
        seed: int = 0,
        fps: float = 25.0,
        streams: tuple[str, ...] = ("target", "swapped"),
        framing_jitter: float = 0.0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        super().__init__()
        if "target" not in streams:
            raise ValueError("a clip without its target teaches nothing")
        if seed >= FIRST_SEED:
            raise ValueError(f"seeds from {FIRST_SEED} on are kept for the test set, not {seed}")
        self.rig = find_rig(rig)
        self.frames, self.size, self.seed, self.fps = frames, size, seed, fps
        self.streams, self.framing_jitter = streams, framing_jitter
        self.rank, self.world_size = rank, world_size

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Renders clip after clip, for ever."""
        worker = get_worker_info()
        workers, number = (1, 0) if worker is None else (worker.num_workers, worker.id)
        if worker is not None:
            cv2.setNumThreads(1)  # one process a core: threads of OpenCV would only fight for them
        renderer = Renderer(build_bust(Rig.load(self.rig)))
        for n in itertools.count(self.rank * workers + number, self.world_size * workers):
            yield self.sample(renderer, self.seed + n)

    def sample(self, renderer: Renderer, seed: int) -> dict[str, Any]:
        """Renders the clip of one seed."""
        plan = plan_clip(seed, self.frames, self.fps, self.framing_jitter)
        clip = Clip(renderer, plan, self.size, self.streams)
        frames = list(clip)
        truth = collect_truth(plan, frames)
        reference = int(stream(seed, "reference").integers(self.frames))
        subject, source = clip.subjects["target"], frames[reference].rendered["target"]
        motions = [correspond(subject, frame.rendered["target"], source, clip.supersampling) for frame in frames]
        flow = np.stack([motion.flow for motion in motions]) / self.size
        return {
            "seed": seed,
            **{name: _channels_first([frame.pictures[name] for frame in frames]) for name in self.streams},
            "landmarks": {name: torch.from_numpy(points) for name, points in truth.landmarks.items()},
            "foreground": {name: torch.from_numpy(mask) for name, mask in truth.foreground.items()},
            "expressions": torch.from_numpy(truth.expressions),
            "head_rotation": torch.from_numpy(truth.head_rotation),
            "translation": torch.from_numpy(truth.translation),
            "gaze": torch.from_numpy(truth.gaze),
            "reference": reference,
            "flow": torch.from_numpy(flow).permute(0, 3, 1, 2).contiguous(),
            "visible": torch.from_numpy(np.stack([motion.visible for motion in motions])),
        }


def _channels_first(pictures: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
