import numpy as np
import pytest

from megactor.synth.render import raster

SIZE = 32


def draw(points, triangles, two_sided=True, order=None, farthest=None, size=SIZE):
    """Depth buffer and ids of triangles given by (x, y, distance) in samples."""
    screen = np.array(points, np.float32)
    triangles = np.array(triangles, np.int32)
    buffer, ids = np.zeros((size, size), np.float32), np.full((size, size), raster.EMPTY, np.int32)
    order = np.arange(len(triangles)) if order is None else order
    sides = np.full(len(triangles), two_sided)
    hidden = raster.nothing_hidden(buffer) if farthest is None else farthest
    raster.draw(
        raster.corners(screen), -1 / screen[:, 2], triangles, order.astype(np.int32), sides, hidden, buffer, ids
    )
    return buffer, ids


def covered(points):
    """(SIZE, SIZE) bool: which samples one triangle takes."""
    return draw([(x, y, 10) for x, y in points], [(0, 1, 2)])[1] == 0


def test_a_triangle_takes_the_samples_whose_centers_lie_inside():
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    inside = (x > 3.2) & (y > 4.1) & (x + y < 30.3)
    assert np.array_equal(covered([(3.2, 4.1), (26.2, 4.1), (3.2, 27.1)]), inside)


@pytest.mark.parametrize("seed", range(5))
def test_a_mesh_has_neither_gaps_nor_double_samples(seed):
    """Triangles round a point, also where edges run exactly through centers, add up to their outline."""
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
    rim = 16 + 12 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    center = rng.uniform(12, 20, 2)
    if seed % 2:
        rim, center = np.round(rim * 2) / 2, np.round(center) + 0.5
    fan = [covered([center, rim[i], rim[(i + 1) % 9]]) for i in range(9)]
    assert np.sum(fan, axis=0).max() == 1
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    well_inside = np.ones((SIZE, SIZE), bool)
    for i in range(9):
        (x0, y0), (x1, y1) = rim[i], rim[(i + 1) % 9]
        length = np.hypot(x1 - x0, y1 - y0)
        if length > 0:
            well_inside &= ((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) / length > 0.02
    assert np.sum(fan, axis=0)[well_inside].all()


def test_the_nearest_wins_whatever_the_order():
    points = [(2, 2, 10), (30, 2, 10), (2, 30, 10), (2, 2, 5), (30, 2, 20), (2, 30, 20)]
    triangles = [(0, 1, 2), (3, 4, 5)]
    first = draw(points, triangles)
    second = draw(points, triangles, order=np.array([1, 0]))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    assert first[1][3, 3] == 1  # near its first corner the second is nearer
    assert first[1][3, 26] == 0


def test_depth_is_the_distance_of_the_plane():
    """The reciprocal of the distance is linear in the picture."""
    buffer, ids = draw([(0, 0, 10), (32, 0, 40), (0, 32, 20)], [(0, 1, 2)])
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    expected = 1 / 10 + (x / 32) * (1 / 40 - 1 / 10) + (y / 32) * (1 / 20 - 1 / 10)
    assert np.allclose(-buffer[ids == 0], expected[ids == 0], rtol=1e-4)


def test_back_sides_are_drawn_only_if_asked():
    front, back = [(2, 2, 9), (2, 30, 9), (30, 2, 9)], [(2, 2, 9), (30, 2, 9), (2, 30, 9)]
    assert (draw(front, [(0, 1, 2)], two_sided=False)[1] == 0).any()
    assert not (draw(back, [(0, 1, 2)], two_sided=False)[1] == 0).any()
    assert np.array_equal(draw(back, [(0, 1, 2)])[1], draw(front, [(0, 1, 2)])[1])


def test_what_is_out_of_the_picture_is_left_out():
    outside = [(-50, -50, 9), (-10, -40, 9), (-40, -3, 9), (1e9, 5, 9), (2e9, 6, 9), (1e9, 9, 9)]
    assert (draw(outside, [(0, 1, 2), (3, 4, 5)])[1] == raster.EMPTY).all()
    assert (draw([(-500, -500, 9), (1500, -500, 9), (-500, 1500, 9)], [(0, 1, 2)])[1] == 0).all()
    assert (draw([(5, 5, 9), (5, 5, 9), (20, 20, 9)], [(0, 1, 2)])[1] == raster.EMPTY).all()


@pytest.mark.parametrize("seed", range(3))
def test_leaving_out_hidden_triangles_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    centers = rng.uniform(0, 48, (200, 1, 2)) + rng.normal(0, 4, (200, 3, 2))
    distance = np.repeat(rng.uniform(5, 50, (200, 1, 1)), 3, axis=1)
    points = np.concatenate([centers, distance], axis=-1).reshape(-1, 3)
    wall = [(-100, -100, 20), (300, -100, 20), (-100, 300, 20)]
    points = np.concatenate([wall, points]).astype(np.float32)
    triangles = np.arange(len(points)).reshape(-1, 3).astype(np.int32)
    full = draw(points, triangles, size=45)
    before = draw(points, triangles, order=np.array([0]), size=45)
    tiles = raster.farthest_depths(before[0])
    assert tiles.shape == (6, 6)
    buffer, ids = before
    rest = raster.front_to_back(-1 / points[:, 2], triangles, np.arange(1, len(triangles), dtype=np.int32))
    sides = np.ones(len(triangles), bool)
    raster.draw(raster.corners(points), -1 / points[:, 2], triangles, rest, sides, tiles, buffer, ids)
    assert np.array_equal(full[1], ids)


def test_front_to_back_keeps_every_triangle():
    rng = np.random.default_rng(0)
    depths = -1 / rng.uniform(5, 50, 300).astype(np.float32)
    triangles = rng.integers(0, 300, (1000, 3)).astype(np.int32)
    members = rng.permutation(1000)[:700].astype(np.int32)
    order = raster.front_to_back(depths, triangles, members)
    assert sorted(order) == sorted(members)
    nearest = depths[triangles[order]].min(axis=1)
    step = (depths.max() - depths.min()) / 255
    assert (np.maximum.accumulate(nearest) - nearest).max() <= step * 1.01


def test_an_empty_list_of_triangles_is_fine():
    depths = np.full(3, -0.1, np.float32)
    assert len(raster.front_to_back(depths, np.zeros((1, 3), np.int32), np.zeros(0, np.int32))) == 0


@pytest.mark.parametrize(("spread", "fine"), [(200, False), (20, True)])
def test_lashes_thin_out_towards_their_tips(spread, fine):
    """Drawn large they are single hairs, drawn small a shade of the same darkness."""
    height = 40
    points = np.array([(0, 0, 9), (spread, 0, 9), (spread, height, 9), (0, height, 9)], np.float32)
    triangles = np.array([(0, 1, 2), (0, 2, 3)], np.int32)
    uvs = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
    buffer, ids = np.zeros((height, spread), np.float32), np.full((height, spread), raster.EMPTY, np.int32)
    steps, depths = raster.corners(points), -1 / points[:, 2]
    raster.draw_lashes(steps, depths, triangles, 0, triangles, uvs, 10.0, 0.4, buffer, ids)
    cover = (ids >= 0).mean(axis=1)
    root, tip = cover[: height // 5].mean(), cover[-height // 5 :].mean()
    assert 0.3 < root < 0.7
    assert tip < 0.1 * root
    runs = np.abs(np.diff((ids[height // 10] >= 0).astype(int))).sum()
    assert fine or runs == 20  # each of ten hairs begins and ends once (one of them at the border)
