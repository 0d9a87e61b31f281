"""All metrics of one rendered clip."""

from collections.abc import Sequence

import numpy as np
import torch

from megactor.evaluation.rendered_truth import true_performance
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.face import Face
from megactor.metrics.identity import face_colors, portrait_lead
from megactor.metrics.motion import correlations, find_faces, follows, found_rate, performance
from megactor.metrics.pictures import l1, ms_ssim, psnr, ssim
from megactor.metrics.stability import drift, flicker
from megactor.synth.synthbench import BenchClip

READ_EVERY = 2
"""The analyzer reads every second frame: it takes longer than nano."""


def clip_metrics(
    analyzer: FaceAnalyzer, clip: BenchClip, result: np.ndarray, expressions: Sequence[str]
) -> dict[str, float]:
    """Metrics of a result; names are explained in the functions below.

    Args:
        analyzer: reads faces.
        clip: with portrait, driver and true frames.
        result: uint8 (F, S, S, 3), a frame for each of the clip's.
        expressions: names of the rig's shapes.

    Returns:
        Name -> value, NaN where the clip has none.
    """
    truth = np.stack([frame.pictures["target"] for frame in clip.frames])
    made, true = (find_faces(analyzer, frames[::READ_EVERY]) for frames in (result, truth))
    rendered = true_performance(clip.frames[::READ_EVERY], "target", clip.item.plan.framings["target"], expressions)
    return (
        _picture_metrics(clip, result, truth)
        | _motion_metrics(performance(made), performance(true), rendered)
        | {"found": found_rate(made), "found_truth": found_rate(true)}
        | _identity_metrics(analyzer, clip, {"": (result, made), "_truth": (truth, true)})
    )


def _picture_metrics(clip: BenchClip, result: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """All but the first frame, which is the portrait, against the truth; and what the background does.

    "_still": of the portrait in place of every frame. "_truth": of the true frames, which have noise of their own.
    """
    made, true = (_tensor(frames[1:]) for frames in (result, truth))
    still = _tensor(clip.portrait[None]).expand_as(true)
    background = np.stack([frame.rendered["target"].triangle_ids < 0 for frame in clip.frames])
    metrics = {
        "psnr": float(psnr(made, true).mean()),
        "psnr_still": float(psnr(still, true).mean()),
        "ssim": float(ssim(made, true).mean()),
        "ssim_still": float(ssim(still, true).mean()),
        "ms_ssim": float(ms_ssim(made, true).mean()),
        "ms_ssim_still": float(ms_ssim(still, true).mean()),
        "l1": float(l1(made, true).mean()),
        "flicker": flicker(result, background),
        "flicker_truth": flicker(truth, background),
        "drift": drift(result, background),
        "drift_truth": drift(truth, background),
    }
    return metrics | {"psnr_gain": metrics["psnr"] - metrics["psnr_still"]}


def _motion_metrics(made: np.ndarray, true: np.ndarray, rendered: np.ndarray) -> dict[str, float]:
    """Pearson's r of the analyzer's measures on the result.

    "r_mouth": with its measures on the true frames, as far as those move. "r_mouth_rendered": with the renderer's
    truth in the same clips. "r_mouth_rendered_truth": the true frames with the renderer's truth, which a perfect
    result would reach.
    """
    metrics = {f"r_{name}": r for name, r in follows(made, true).items()}
    for suffix, read in (("rendered", made), ("rendered_truth", true)):
        for name, r in correlations(read, rendered).items():
            metrics[f"r_{name}_{suffix}"] = float("nan") if np.isnan(metrics[f"r_{name}"]) else r
    return metrics


def _identity_metrics(
    analyzer: FaceAnalyzer, clip: BenchClip, judged: dict[str, tuple[np.ndarray, list[Face | None]]]
) -> dict[str, float]:
    """Mean of `portrait_lead` over the frames ("identity_lead"), and whether it is positive ("identity", 1 or 0).

    Portrait and driver are compared in their first frames, where both show the same pose. Where the analyzer finds no
    face there, the renderer's landmarks stand in. Clips in which nobody else drives have no such values.

    Args:
        analyzer: reads faces.
        clip: of the two people.
        judged: suffix -> frames, and the faces in every `READ_EVERY`th.
    """
    driver = clip.item.driver
    references = {}
    for stream in ("target", driver):
        first = clip.frames[0]
        face = find_faces(analyzer, [first.pictures[stream]])[0]
        landmarks = face.landmarks68 if face else first.rendered[stream].landmarks[:68]
        references[stream] = face_colors(first.pictures[stream], landmarks)
    metrics = {}
    for suffix, (frames, faces) in judged.items():
        colors = [
            face_colors(frame, face.landmarks68) if face else None
            for frame, face in zip(frames[::READ_EVERY], faces, strict=True)
        ]
        leads = portrait_lead(colors[1:], references["target"], references[driver])  # the first is the portrait
        known = leads[np.isfinite(leads)]
        judgeable = driver != "target" and len(known)
        metrics[f"identity_lead{suffix}"] = float(known.mean()) if judgeable else float("nan")
        metrics[f"identity{suffix}"] = float(known.mean() > 0) if judgeable else float("nan")
    return metrics


def _tensor(frames: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255
