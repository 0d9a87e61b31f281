from types import SimpleNamespace

import pytest

from megactor.bench import synth
from megactor.bench.synth import WARM_UP, measure_people
from megactor.synth.render.renderer import Renderer


def test_each_person_gets_a_speed(bust, tmp_path, monkeypatch):
    bust.rig.save(tmp_path / "rig.npz")
    seconds, render = [100.0], Renderer.render

    def half_a_second(*arguments):
        seconds[0] += 0.5
        return render(*arguments)

    monkeypatch.setattr(Renderer, "render", half_a_second)
    monkeypatch.setattr(synth, "time", SimpleNamespace(thread_time=lambda: seconds[0]))
    people = list(measure_people(str(tmp_path / "rig.npz"), [3, 4], frames=3, size=32))

    assert [person.seed for person in people] == [3, 4]
    for person in people:
        assert person.triangles >= len(bust.triangles) + len(bust.lash_triangles)
        assert person.set_up == pytest.approx(0.5 * WARM_UP)
        assert person.frames_per_second == pytest.approx(2)
