"""`megactor bench train`: what is counted, on a tiny model."""

import json

import pytest
from command_line import megactor


def test_a_step_is_timed_and_counted(recipe, tmp_path):
    path = recipe()
    figures = {}
    for batch in (2, 4):
        outcome = megactor(
            *("bench", "train", path, "--cpu", "--steps", 1, "--json", tmp_path / "figures.json"),
            *("--set", f"optimizer.batch={batch}"),
        )
        assert outcome.code == 0, outcome
        figures[batch] = json.loads((tmp_path / "figures.json").read_text())
        assert f"{batch} samples of 2 frames" in outcome.out
    assert figures[4]["tflop"] == pytest.approx(2 * figures[2]["tflop"], rel=0.02)
    assert figures[4]["tflops"] == pytest.approx(figures[4]["tflop"] / figures[4]["seconds"])
    assert figures[4]["share"] == pytest.approx(figures[4]["tflops"] / figures[4]["matrix_tflops"])
