from megactor.bench.synth import measure_people


def test_each_person_gets_a_speed(bust, tmp_path):
    bust.rig.save(tmp_path / "rig.npz")
    people = list(measure_people(str(tmp_path / "rig.npz"), [3, 4], frames=2, size=32))
    assert [person.seed for person in people] == [3, 4]
    for person in people:
        assert person.triangles >= len(bust.triangles) + len(bust.lash_triangles)
        assert person.set_up > 0
        assert 1 < person.frames_per_second < 10_000
