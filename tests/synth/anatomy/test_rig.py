from dataclasses import replace

import numpy as np
import pytest
from synth_toy_rig import toy_rig

from megactor.errors import OutputError
from megactor.synth.anatomy.rig import ENVIRONMENT, Rig, RigError, default_rig_path, find_rig


@pytest.fixture(scope="module")
def rig():
    return toy_rig()


@pytest.fixture
def saved(rig, tmp_path):
    rig.save(tmp_path / "rig.npz")
    return tmp_path / "rig.npz"


def test_a_rig_survives_the_file(rig, saved):
    loaded = Rig.load(saved)
    for name in ("neutral", "triangles", "uvs", "uv_triangles", "part_vertices", "part_triangles", "landmarks"):
        assert np.array_equal(getattr(loaded, name), getattr(rig, name)), name
    assert (loaded.part_names, loaded.expression_names) == (rig.part_names, rig.expression_names)
    assert (loaded.source, loaded.license) == (rig.source, rig.license)


def test_shapes_are_rounded_to_less_than_can_be_seen(rig, saved):
    loaded = Rig.load(saved)
    assert np.abs(loaded.expressions - rig.expressions).max() < 1e-3
    assert np.abs(loaded.identity_modes - rig.identity_modes).max() < 1e-3
    # what was rounded once stays as it is
    loaded.save(saved, force=True)
    assert np.abs(Rig.load(saved).expressions - loaded.expressions).max() < 1e-6


def test_parts_are_found_by_name(rig):
    left = rig.neutral[rig.vertices_of("scleraL")]
    assert left[:, 0].min() > 0  # x points to the person's left
    assert (rig.triangle_parts[rig.triangles_of("teeth")] == rig.part_names.index("teeth")).all()
    assert rig.expression_names[rig.expression("jawOpen")] == "jawOpen"


def test_a_file_is_not_replaced_unasked(rig, saved):
    with pytest.raises(OutputError, match="--force"):
        rig.save(saved)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot read"),
        (b"PK\x03\x04 half an archive", "cannot read"),
        (b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}\n", "not an npz file"),
        (b"\x89PNG a picture", "not an npz file"),
    ],
)
def test_a_damaged_file_says_so_in_a_line(tmp_path, content, message):
    path = tmp_path / "rig.npz"
    path.write_bytes(content)
    with pytest.raises(RigError, match=message) as error:
        Rig.load(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("part", np.linspace(0.05, 0.95, 7))
def test_a_flipped_bit_is_no_traceback(saved, part):
    content = bytearray(saved.read_bytes())
    content[int(part * len(content))] ^= 0x10
    saved.write_bytes(content)
    with pytest.raises(RigError, match="cannot read"):
        Rig.load(saved)


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(RigError, match="megactor synth rig"):
        Rig.load(tmp_path / "none.npz")


def test_other_archives_are_no_rigs(tmp_path):
    np.savez(tmp_path / "other.npz", positions=np.zeros(3))
    with pytest.raises(RigError, match="not a rig"):
        Rig.load(tmp_path / "other.npz")


def test_an_incomplete_rig_is_refused(saved):
    with np.load(saved) as archive:
        content = dict(archive)
    del content["landmarks68"]
    np.savez(saved, **content)
    with pytest.raises(RigError, match="landmarks68"):
        Rig.load(saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rig: {"triangles": rig.triangles + 100}, "triangles"),
        (lambda rig: {"landmarks": rig.landmarks[:67]}, "67 landmarks"),
        (lambda rig: {"expression_names": tuple(name + "x" for name in rig.expression_names)}, "eyeBlink_L"),
        (lambda rig: {"part_names": ("cheek", *rig.part_names[1:])}, "part face"),
        (lambda rig: {"neutral": np.where(np.arange(3) == 1, np.nan, rig.neutral)}, "not finite"),
        (lambda rig: {"expressions": rig.expressions[:, :-1]}, "expressions of shape"),
    ],
)
def test_damage_inside_is_found(rig, tmp_path, change, message):
    replace(rig, **change(rig)).save(tmp_path / "rig.npz")
    with pytest.raises(RigError, match=message):
        Rig.load(tmp_path / "rig.npz")


def test_where_a_rig_is_looked_for(saved, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    with pytest.raises(RigError, match=ENVIRONMENT):
        find_rig()
    default_rig_path().parent.mkdir(parents=True)
    default_rig_path().write_bytes(b"")
    assert find_rig() == default_rig_path()
    monkeypatch.setenv(ENVIRONMENT, str(saved))
    assert find_rig() == saved
    assert find_rig(default_rig_path()) == default_rig_path()
    with pytest.raises(RigError, match="does not exist"):
        find_rig(tmp_path / "none.npz")
