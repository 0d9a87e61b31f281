import numpy as np

from megactor.synth.anatomy.subject import Material


def edges_of(triangles):
    """How many triangles use each edge."""
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    return np.unique(edges, axis=0, return_counts=True)


def test_the_torso_closes_the_neck(bust):
    """Skin and cloth are one surface: its only open edge is the torso's lower rim."""
    outside = np.isin(bust.materials, (Material.SKIN, Material.HEAD, Material.CLOTH))
    edges, uses = edges_of(bust.triangles[outside])
    assert uses.max() == 2
    rim = np.unique(edges[uses == 1])
    assert bust.rest[rim, 1].max() < -50


def test_the_torso_faces_outwards(bust):
    corners = bust.rest[bust.triangles[bust.materials == Material.CLOTH]]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    chest = corners.mean(axis=1)[:, 1] < -28
    sideways = corners.mean(axis=1) * [1, 0, 1] - [0, 0, -1.5]
    assert ((normals * sideways).sum(axis=1)[chest] > 0).all()


def test_another_head_brings_its_shoulders_along(bust):
    offsets = np.zeros_like(bust.rig.neutral)
    offsets[bust.torso.rim] = [1, 0, 0]
    moved = bust.shaped(offsets) - bust.rest
    rings = moved[bust.head_vertices :].reshape(-1, len(bust.torso.rim), 3)
    assert 0.9 < rings[0, :, 0].min() <= rings[0, :, 0].max() < 1
    assert (np.diff(rings[:, 0, 0]) <= 0).all()
    assert np.abs(rings[-1]).max() < 1e-5  # as far as single precision goes at this distance
    assert np.array_equal(bust.shaped(0 * offsets), bust.rest)


def test_the_head_turns_and_the_shoulders_stay(bust):
    assert bust.head_weight[bust.rest[:, 1] > 0].min() == 1
    assert bust.head_weight[bust.rest[:, 1] < -24].max() == 0


def test_the_tongue_is_told_from_the_gums(bust):
    tongue = np.unique(bust.triangles[bust.materials == Material.TONGUE])
    gums = np.unique(bust.triangles[bust.materials == Material.GUM])
    assert len(tongue) == 50
    assert not set(tongue) & set(gums)
    assert bust.tongue.max() > 0.9
    assert set(np.flatnonzero(bust.tongue)) == set(tongue)
    assert bust.tongue[tongue].argmax() == bust.rest[tongue, 2].argmax()


def test_lashes_grow_from_root_to_tip(bust):
    """Three rows an eye; v is 0 at the lid and 1 at the tip, in every row."""
    assert len(bust.lash_triangles) == 2 * 3 * 32
    uv = bust.uvs[bust.lash_uv_triangles].reshape(-1, 2)
    assert (uv.min(axis=0).tolist(), uv.max(axis=0).tolist()) == ([0, 0], [1, 1])
    roots = bust.rest[bust.lash_triangles.ravel()[uv[:, 1] == 0]]
    tips = bust.rest[bust.lash_triangles.ravel()[uv[:, 1] == 1]]
    assert abs(roots[:, 2].mean() - tips[:, 2].mean()) > 0.3
