"""SynthBench: 200 rendered clips with the true frame for every result, self- and cross-driven in turn."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from megactor.drive.masking import landmark_box
from megactor.evaluation.case import SIDE, Case, CaseId
from megactor.evaluation.rendered_truth import true_performance, true_regions
from megactor.faces.analyzer import FaceAnalyzer
from megactor.synth.anatomy.bust import build_bust
from megactor.synth.anatomy.rig import Rig, find_rig
from megactor.synth.clips.synthbench import BenchItem, bench_items, render_bench
from megactor.synth.render.renderer import Renderer


@dataclass(frozen=True)
class SynthBench:
    """The rendered test set.

    rig: file, or None for the installed one.
    size: S, side of the pictures.
    """

    rig: Path | None = None
    size: int = SIDE

    def cases(self) -> list[CaseId]:
        """See `Suite.cases`."""
        find_rig(self.rig)  # says what is missing before any work
        return [_key(item) for item in bench_items()]

    def load(self, key: CaseId, analyzer: FaceAnalyzer) -> Case:
        """See `Suite.load`; the renderer knows where faces are, so nothing is asked of the analyzer."""
        renderer = _renderer(self.rig)
        item = next(item for item in bench_items() if item.name == key.name)
        (clip,) = render_bench(renderer, [item], self.size)
        truth, driver = (np.stack([frame.pictures[name] for frame in clip.frames]) for name in ("target", item.driver))
        first = clip.frames[0].rendered
        expressions = renderer.bust.rig.expression_names
        return Case(
            key=key,
            fps=Fraction(item.plan.fps),
            portrait=clip.portrait,
            driver=driver,
            driver_boxes=np.stack([landmark_box(frame.rendered[item.driver].landmarks) for frame in clip.frames]),
            truth=truth,
            background=np.stack([frame.rendered["target"].triangle_ids < 0 for frame in clip.frames]),
            first_is_portrait=True,
            landmarks=(first["target"].landmarks[:68], first[item.driver].landmarks[:68]),
            rendered=true_performance(clip.frames, "target", item.plan.framings["target"], expressions),
            regions=true_regions([frame.rendered["target"] for frame in clip.frames], clip.subject),
        )

    def settings(self) -> dict[str, Any]:
        """See `Suite.settings`: wherever the rig lies, it is the same head."""
        return {"suite": "synthbench", "size": self.size}


def _key(item: BenchItem) -> CaseId:
    style = item.plan.performers["target"].style.name
    return CaseId(item.name, style, item.name.split("-")[0], cross=item.driver != "target")


@cache
def _renderer(rig: Path | None) -> Renderer:
    return Renderer(build_bust(Rig.load(find_rig(rig))))
