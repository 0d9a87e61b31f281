from pathlib import Path

from tiny_model import tiny_pipeline

from megactor.bench.memory import measure


def test_a_run_with_stand_ins_goes_the_whole_way(tmp_path: Path) -> None:
    tiny_pipeline().save_pretrained(tmp_path / "model")
    (run,) = measure([12], str(tmp_path / "model"), stand_ins=True)
    assert run.frames == 12 and run.peak_mb > 100
