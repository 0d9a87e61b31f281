"""Where the error lies: what the renderer says the portrait shows and hides, and how clips are pooled."""

import numpy as np
import pytest
from synth_toy_rig import toy_rig

from megactor.evaluation.case import CaseId
from megactor.evaluation.regions import REGIONS, WHOLE, region_difference, region_figures, region_metrics
from megactor.evaluation.rendered_truth import true_regions
from megactor.evaluation.report.regions import html_regions, markdown_regions
from megactor.evaluation.rows import Row
from megactor.evaluation.summary import summarize
from megactor.synth.anatomy.bust import build_bust
from megactor.synth.clips.clip import Clip
from megactor.synth.clips.plan import plan_clip
from megactor.synth.render.renderer import Renderer


def test_the_renderer_knows_what_the_portrait_hides():
    clip = Clip(Renderer(build_bust(toy_rig())), plan_clip(3, frames=12, photo=1.0), 96, streams=("target",))
    rendered = [clip.frame(n).rendered["target"] for n in (0, 6, 11)]
    regions = true_regions(rendered, clip.subjects["target"])
    assert list(regions) == list(REGIONS)
    assert (sum(regions[name].astype(int) for name in WHOLE) == 1).all(), "every pixel is in one region"
    assert (regions["hidden_mouth"] <= regions["hidden_person"]).all()

    person = np.stack([frame.triangle_ids >= 0 for frame in rendered])
    assert (regions["still_background"] == ~person & ~person[0]).all()
    assert (regions["uncovered_background"] == ~person & person[0]).all()
    # the portrait shows all of itself, but for what lies edge-on
    assert regions["shown_person"][0].sum() > 0.98 * person[0].sum() and not regions["uncovered_background"][0].any()
    assert regions["uncovered_background"][1:].any() and regions["hidden_person"][1:].any()


def pictures(error: int, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth = np.full((*mask.shape, 3), 100, np.uint8)
    return np.where(mask[..., None], 100 + error, 100).astype(np.uint8), truth


def test_errors_are_counted_where_they_lie():
    mask = np.zeros((2, 8, 8), bool)
    mask[:, :2] = True
    masks = {"hidden_person": mask, "shown_person": ~mask, "still_background": np.zeros_like(mask)}
    found = region_metrics(*pictures(51, mask), masks)
    assert found["mse_hidden_person"] == pytest.approx(0.04) and found["pixels_hidden_person"] == 0.25
    assert found["mse_shown_person"] == 0 and found["pixels_shown_person"] == 0.75
    assert np.isnan(found["mse_still_background"]) and found["pixels_still_background"] == 0
    figures = region_figures([found])
    assert list(figures) == ["hidden_person", "shown_person"]
    assert figures["hidden_person"].error == 1 and figures["hidden_person"].pixels == 0.25
    assert figures["hidden_person"].psnr.mean == pytest.approx(13.979, abs=1e-3)


def clip_metrics(mse: float, pixels: float, other: float = 0.01) -> dict[str, float]:
    return {
        "mse_hidden_person": mse if pixels else float("nan"), "pixels_hidden_person": pixels,
        "mse_shown_person": other, "pixels_shown_person": 1 - pixels,
    }  # fmt: skip


def test_clips_count_by_their_pixels():
    clips = [clip_metrics(0.1, 0.1), clip_metrics(0.02, 0.3), clip_metrics(float("nan"), 0.0)]
    figure = region_figures(clips)["hidden_person"]
    assert figure.psnr.mean == pytest.approx(-10 * np.log10((0.01 + 0.006) / 0.4)) and figure.psnr.count == 2
    assert figure.pixels == pytest.approx(0.4 / 3)
    assert figure.error == pytest.approx(0.016 / (0.016 + 0.009 + 0.007 + 0.01))


def test_systems_are_compared_on_the_same_clips():
    """One clip is hard for both: it widens their intervals, not that of the difference."""
    clips = [clip_metrics(mse, 0.1) for mse in (0.01, 0.01, 0.02, 0.01, 0.02, 0.01, 0.3)]
    worse = [{**clip, "mse_hidden_person": 2 * clip["mse_hidden_person"]} for clip in clips]
    gain = region_difference(clips, worse, "hidden_person")
    assert gain.mean == pytest.approx(3.01, abs=0.01) and gain.excludes(2.9)
    spread = region_figures(clips)["hidden_person"].psnr
    assert spread.high - spread.low > 5


def test_tables():
    keys = [CaseId(f"{n}", "photo", f"p{n}", cross=n % 2 > 0) for n in range(6)]
    rows = [Row(key, "nano", clip_metrics(0.01, 0.1)) for key in keys]
    rows += [Row(key, "warp", clip_metrics(0.02, 0.1)) for key in keys]
    summary = summarize("synthbench", ["nano", "warp"], keys, rows, {})
    (table,) = markdown_regions(summary)
    head, _, first, second = table.splitlines()
    assert head == "| PSNR in dB and share of the error, n=6 | pixels | nano | warp | nano less warp |"
    assert first.startswith("| person that the portrait hides | 10.0% | 20.00 (20.00 to 20.00), 10% | 16.99 (")
    assert first.endswith("| +3.01 (3.01 to 3.01) |") and second.startswith("| person that the portrait shows | 90.0%")
    assert "10% of error" in html_regions(summary)
    bare = summarize("self", ["nano"], keys, [Row(key, "nano", {"found": 1.0}) for key in keys], {})
    assert markdown_regions(bare) == [] and html_regions(bare) == ""
