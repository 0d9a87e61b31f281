"""Eyelids on an eye that is drawn by hand."""

import torch
from torch import Tensor

from megactor.models.dense_motion.close_up import CloseUp, CloseUpNet
from megactor.models.dense_motion.eyelids import UPPER, _curve, lid_motion
from megactor.models.dense_motion.face_crops import UprightCrop
from megactor.models.dense_motion.sampling import pixel_centers

SIZE = 64


def eye(opening: float) -> Tensor:
    """(1, 12, 2) points of `EYE`: a brow at 0.25, corners at 0.55; the upper lid does the way."""
    brow = [[x, 0.25] for x in (0.2, 0.35, 0.5, 0.65, 0.8)]
    upper, lower = 0.6 - opening, 0.6
    lids = [[0.25, 0.57], [0.4, upper], [0.6, upper], [0.75, 0.57], [0.6, lower], [0.4, lower]]
    return torch.tensor([*brow, *lids, [0.5, 0.55]])[None]


def portrait() -> Tensor:
    """(1, 3, SIZE, SIZE): red skin, a white eye 0.2 high, green brows."""
    rows = pixel_centers(SIZE, SIZE, torch.device("cpu")).view(SIZE, SIZE, 2)[..., 1]
    picture = torch.zeros(3, SIZE, SIZE)
    picture[0] = 0.8
    picture[:, (rows > 0.41) & (rows < 0.6)] = 1.0
    picture[:, (rows > 0.2) & (rows < 0.28)] = torch.tensor([0.0, 1.0, 0.0])[:, None]
    return picture[None]


def close_up(opening: float, lids: bool = True) -> CloseUp:
    """Of a network that leaves the portrait as it is, but for lids."""
    whole = UprightCrop(torch.full((1, 1, 2), 0.5), torch.tensor([[[1.0, 0.0]]]), torch.ones(1, 1, 1), False)
    still, shown = torch.zeros(1, 2, 48, 48), torch.full((1, 1, 48, 48), 20.0)
    ends = torch.stack([eye(opening), eye(0.2)], 1) if lids else None
    return CloseUp(whole, whole, still, shown, torch.zeros(1, 3, 48, 48), ends)


def picture(part: CloseUp) -> Tensor:
    return part.picture(portrait(), pixel_centers(SIZE, SIZE, torch.device("cpu")).view(1, SIZE, SIZE, 2))[0]


def test_an_open_eye_is_left_to_the_network():
    torch.testing.assert_close(picture(close_up(0.2)), picture(close_up(0.2, lids=False)), atol=0.2, rtol=0)
    motion = lid_motion(eye(0.22), eye(0.2), pixel_centers(SIZE, SIZE, torch.device("cpu")))
    assert not motion.share.any()


def test_skin_covers_an_eye_that_closes():
    before, after = picture(close_up(0.0, lids=False)), picture(close_up(0.0))
    covered = (slice(None), slice(int(0.44 * SIZE), int(0.56 * SIZE)), slice(int(0.42 * SIZE), int(0.58 * SIZE)))

    assert before[covered].min() > 0.9, "the eye's white"
    assert after[covered][0].min() > 0.7 and after[covered][1:].max() < 0.1, "skin, neither white nor brow"


def test_strokes_above_the_lashes_are_not_pulled_down_over_the_lid():
    lashes, columns = portrait(), torch.arange(SIZE)
    lashes[..., int(0.3 * SIZE) : int(0.4 * SIZE), :] *= torch.where(columns % 4 < 2, 0.2, 1.0)
    places = pixel_centers(SIZE, SIZE, torch.device("cpu")).view(1, SIZE, SIZE, 2)

    closed, open_ = (close_up(opening).picture(lashes, places)[0, 0] for opening in (0.0, 0.2))

    lid = closed[int(0.42 * SIZE) : int(0.5 * SIZE), int(0.42 * SIZE) : int(0.58 * SIZE)]
    assert open_[int(0.33 * SIZE) : int(0.37 * SIZE)].std(1).min() > 0.2, "an open eye keeps its lashes"
    assert lid.std(1).max() < 0.06
    assert lid.min() > 0.6 and lid.max() < 0.85, "as light as the skin between them"


def test_a_wing_beside_the_corner_is_not_pulled_up_over_the_lid():
    winged = portrait()
    winged[..., int(0.42 * SIZE) : int(0.58 * SIZE), int(0.1 * SIZE) : int(0.3 * SIZE)] = 0.1
    places = pixel_centers(SIZE, SIZE, torch.device("cpu")).view(1, SIZE, SIZE, 2)

    closed = close_up(0.0).picture(winged, places)[0, 0]

    assert closed[int(0.46 * SIZE) : int(0.52 * SIZE), int(0.27 * SIZE) : int(0.4 * SIZE)].min() > 0.6


def test_a_lid_is_an_arch_through_its_points():
    points, ends = eye(0.2), torch.tensor([[0.0, 0.3, 0.5, 0.7, 1.0]])
    heights = _curve(points, UPPER, ends)[0]
    torch.testing.assert_close(heights[[0, 1, 3, 4]], points[0, list(UPPER), 1], atol=1e-5, rtol=0)
    assert heights[2] < heights[1] - 0.005, "higher in its middle than the straight line"
    torch.testing.assert_close(_curve(points, UPPER, torch.tensor([[-0.5, 1.5]]))[0], points[0, [5, 8], 1])


def test_a_lid_whose_points_lie_badly_leaves_their_lines_by_little():
    points = eye(0.2)
    points[0, 6, 0] = points[0, 7, 0]
    heights = _curve(points, UPPER, torch.linspace(-1, 2, 100)[None])
    assert heights.isfinite().all() and heights.min() > 0.4 - 0.05 and heights.max() < 0.57 + 0.05


def test_brows_stay_where_they_are():
    before, after = picture(close_up(0.0, lids=False)), picture(close_up(0.0))
    brow = (slice(None), slice(0, int(0.3 * SIZE)))
    torch.testing.assert_close(after[brow], before[brow], atol=0.3, rtol=0)
    assert float((after[brow] - before[brow]).abs().mean()) < 0.02


def test_frames_keep_their_lids():
    torch.manual_seed(0)
    points, pictures = torch.rand(2, 70, 2) * 0.5 + 0.25, torch.rand(2, 3, 64, 64)
    for moves in (False, True):
        parts = CloseUpNet((8, 8, 8), moves_lids=moves)(pictures, pictures[:, :1], points, points, points + 0.01)
        assert [part.lids is not None for part in parts] == [moves, moves, False]
        for part in parts:
            first, second = part.split()
            assert (first.lids is None) == (part.lids is None)
            if part.lids is not None:
                torch.testing.assert_close(torch.cat([first.lids, second.lids]), part.lids)


def test_a_pixel_is_the_mean_of_four_places_in_it() -> None:
    closing, portrait = close_up(0.1), torch.rand(1, 3, 96, 96)
    places = pixel_centers(24, 24, torch.device("cpu")).view(1, 24, 24, 2)
    quarter = 1 / 24 / 4
    corners = [torch.tensor([x, y]) * quarter for x in (-1, 1) for y in (-1, 1)]
    expected = torch.stack([closing._samples(portrait, places + corner) for corner in corners]).mean(0)
    torch.testing.assert_close(closing.picture(portrait, places), expected, atol=1e-5, rtol=0)
