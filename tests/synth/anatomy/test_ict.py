import json
import shutil

import numpy as np
import pytest

from megactor.synth.anatomy import ict
from megactor.synth.anatomy.bust import build_bust
from megactor.synth.anatomy.ict import convert_ict
from megactor.synth.anatomy.rig import EXPRESSIONS, PARTS, RigError

NAMES = [*EXPRESSIONS, "jawOpen"]
MODES = 2


def write_obj(path, vertices, polygons=()):
    lines = ["# comment", *(f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in vertices)]
    if polygons:
        lines += ["vt 0.1 0.2", "vt 0.3 0.4 0.0", "vt 0.5 0.6"]
        lines += ["f " + " ".join(f"{v + 1}/{1 + k % 3}" for k, v in enumerate(polygon)) for polygon in polygons]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def vertices():
    return np.random.default_rng(0).normal(0, 5, (ict._ALL_VERTICES, 3)).round(5)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory, vertices):
    """A folder like ICT-FaceKit's with a heap of random polygons: quads in every part but for its first."""
    folder = tmp_path_factory.mktemp("ict") / "FaceXModel"
    folder.mkdir()
    polygons = [(0, 1, 2)] * ict._ALL_POLYGONS
    for part in PARTS:
        (first, end), start = ict._POLYGONS[part], ict._VERTICES[part][0]
        polygons[first] = (start, start + 1, start + 2)
        for p in range(first + 1, end):
            polygons[p] = tuple(start + (p - first) % 100 + k for k in range(4))
    write_obj(folder / "generic_neutral_mesh.obj", vertices, polygons)
    for number in range(MODES):
        write_obj(folder / f"identity{number:03d}.obj", np.add(vertices, (number + 1, 0, 0)))
    for number, name in enumerate(NAMES):
        write_obj(folder / f"{name}.obj", np.add(vertices, (0, 0.1 * number, 0)))
    indices = {"expressions": NAMES, "idx_to_landmark_verts": list(range(68))}
    (folder / "vertex_indices.json").write_text(json.dumps(indices), encoding="utf-8")
    (folder.parent / "LICENSE").write_text("MIT License", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ict, "_MODES", MODES)
        yield folder.parent


@pytest.fixture(scope="module")
def rig(checkout):
    return convert_ict(checkout)


def test_a_checkout_becomes_a_rig(rig, vertices):
    assert rig._fault() is None
    assert rig.license == "MIT License"
    assert rig.expression_names == tuple(NAMES)
    assert np.allclose(rig.neutral[:103], vertices[:103], atol=1e-5)
    assert np.allclose(rig.identity_modes[1], [2, 0, 0], atol=1e-4)
    assert np.allclose(rig.expressions[-1], [0, 1, 0], atol=1e-4)
    assert rig.landmarks.tolist() == list(range(68))


def test_quads_become_two_triangles_and_molars_go(rig):
    for part in PARTS:
        first, end = ict._POLYGONS[part]
        molars = sum(end - first for first, end in ict._MOLARS) if part == "teeth" else 0
        corners = rig.triangles[rig.triangles_of(part)]
        # the first polygon of each part is a triangle; that of the teeth is a molar's
        assert len(corners) == 2 * (end - first - molars) - (part != "teeth"), part
        inside = rig.vertices_of(part)
        assert inside.start <= corners.min() <= corners.max() < inside.stop
        assert (rig.triangle_parts[rig.triangles_of(part)] == PARTS.index(part)).all()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "FaceXModel").rename(folder / "elsewhere"), "no folder FaceXModel"),
        (lambda folder: (folder / "FaceXModel" / "jawOpen.obj").unlink(), "jawOpen.obj"),
        (lambda folder: (folder / "FaceXModel" / "jawOpen.obj").write_text("v 1 2 3\n"), "1 vertices instead of"),
        (lambda folder: (folder / "FaceXModel" / "jawOpen.obj").write_text("v 1 two 3\n"), "cannot read the mesh"),
        (lambda folder: (folder / "FaceXModel" / "jawOpen.obj").write_bytes(b"\xff\xfe"), "cannot read"),
        (lambda folder: (folder / "FaceXModel" / "vertex_indices.json").write_text("{}"), "vertex_indices.json"),
        (lambda folder: (folder / "FaceXModel" / "generic_neutral_mesh.obj").write_text("v 1 2 3\n"), "not known"),
        (lambda folder: (folder / "LICENSE").unlink(), "LICENSE"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(checkout, tmp_path, damage, message):
    folder = shutil.copytree(checkout, tmp_path / "copy")
    damage(folder)
    reported = []
    with pytest.raises(RigError, match=message) as error:
        convert_ict(folder, lambda done, total: reported.append((done, total)))
    assert "\n" not in str(error.value)
    assert reported == [(done, 13) for done in range(len(reported))]


def test_the_real_rig_is_a_person(real_rig):
    """What the shapes are called and where they push; the rest of synth relies on it."""
    assert len(real_rig.expression_names) == 53
    assert len(real_rig.identity_modes) == 100
    jaw = real_rig.expressions[real_rig.expression("jawOpen")]
    assert jaw[real_rig.landmarks[8], 1] < -1
    bust = build_bust(real_rig)
    assert 600 < np.count_nonzero(bust.tongue) < 800
    assert bust.rest[np.argmax(bust.tongue), 2] > 9
