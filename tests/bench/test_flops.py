"""What `megactor bench flops` says about our networks and the official loop."""

import json
from pathlib import Path

import pytest
from command_line import megactor

from megactor.bench.flops import OFFICIAL, SD15, Counts, by_speed, count, official_clip
from megactor.options import SPEEDS, SamplingPlan


@pytest.fixture(scope="module")
def counts() -> Counts:
    return count()


def test_a_quarter_of_the_official_work_is_left_out(counts: Counts) -> None:
    official = sum(OFFICIAL.values())
    assert official == pytest.approx(42.04, abs=0.01)
    # the least that gives the same result: golden data of the official code, counted there
    assert counts.step_of_one_window == pytest.approx(31.47, abs=0.01)
    assert counts.step_of_one_window <= 0.77 * official


def test_reference_attention_is_computed_for_one_half_only(counts: Counts) -> None:
    guided = {part.name: part.tera for part in counts.parts if part.often == "window"}
    with_reference = counts.unguided - guided["down blocks"]
    without = guided["middle and up blocks"] - with_reference
    assert 0 < without < with_reference


def test_clip_adds_up(counts: Counts) -> None:
    one_window = counts.clip(SD15, 16)
    assert one_window == pytest.approx(
        counts.total("clip") + 16 * counts.total("frame") + 25 * counts.step_of_one_window
    )
    # windows of 16 at 0, 8, 16, 24
    assert counts.clip(SD15, 32) - 32 * counts.total("frame") == pytest.approx(
        counts.total("clip") + 25 * (counts.total("step") + 4 * counts.total("window"))
    )
    unguided = SamplingPlan(steps=25, guidance=1.0)
    assert counts.clip(unguided, 16) < 0.7 * one_window


def test_every_preset_is_less_work(counts: Counts) -> None:
    speeds = by_speed(counts, 50)
    assert list(speeds) == list(SPEEDS) == ["exact", "balanced", "realtime"]
    assert speeds["realtime"] < speeds["balanced"] < speeds["exact"] < official_clip(50)


def test_command(counts: Counts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("megactor.bench.flops.count", lambda: counts)
    outcome = megactor("bench", "flops", "--frames", "20", "--json", tmp_path / "flops.json")

    assert outcome.code == 0
    assert "0.749 of it" in outcome.out
    written = json.loads((tmp_path / "flops.json").read_text())
    assert written["step_of_one_window"]["ratio"] == pytest.approx(0.749, abs=0.001)
    assert written["clip"]["frames"] == 20
