"""Crops, masks and warps against data computed by the official code (tests/fixtures/preprocess).

Left out: the crop by a given rectangle, which neither the portrait nor the driver goes through and which stretches at a
border, and the random numbers of the training warp, most of which are drawn but not used.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from megactor.drive.crop import official_clip_square, official_square
from megactor.drive.masking import (
    alignment_affine,
    contour_condition,
    contour_patches,
    face_rectangle,
    keep_rectangles,
    patch,
    patch_centers,
)
from megactor.train.driver_warp import warp_driver

FIXTURE = Path(__file__).parents[1] / "fixtures" / "preprocess"
FACTS = json.loads((FIXTURE / "cases.json").read_text())
TENSORS = dict(np.load(FIXTURE / "cases.npz"))

FRAMES_A = dict(zip((0, 2, 4), TENSORS["frames_a_u8"], strict=True))
"""Frame number -> (1, 96, 128)."""

TOLERANCE = 0.02
"""Of 255; the fixture itself is exact to 0.004."""

OFFICIAL_SLICE_BUG = "frame4_completely_outside_left_top"
"""A face beyond the left or top edge: a negative slice end makes the official code keep most of the frame."""


def golden(name: str) -> np.ndarray:
    return TENSORS[name].astype(np.float32) / 128


def resize(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(1, H, W) -> (1, *size), the official resize: bilinear without antialiasing."""
    tensor = torch.from_numpy(picture.astype(np.float32))[None]
    return functional.interpolate(tensor, size, mode="bilinear", align_corners=False)[0].numpy()


def assert_same(ours: np.ndarray | Tensor, official: np.ndarray) -> None:
    np.testing.assert_allclose(np.asarray(ours), official, rtol=0, atol=TOLERANCE)


def face_boxes(case: str, frames: int = 5) -> np.ndarray | None:
    """The official choice: the first detection of a frame, or else the box of the frame before."""
    detections = FACTS["face_cases"][case]
    boxes: list[list[float]] = []
    for frame in range(frames):
        here = [r for i, r in zip(detections["image_ids"], detections["rects"], strict=True) if i == frame]
        if not here and not boxes:
            return None
        boxes.append(here[0] if here else boxes[-1])
    return np.array(boxes, np.float32)


def named(section: str, key: str = "case") -> list:
    return [pytest.param(entry, id=str(entry[key])) for entry in FACTS[section] if "result" not in entry]


@pytest.mark.parametrize("case", [p for p in named("crop_and_resize_tensor") if "crop_rect" not in p.values[0]["args"]])
def test_largest_square_around_a_center(case: dict) -> None:
    frame = FRAMES_A[0] if case["input"].startswith("frames_a") else TENSORS["frames_b_u8"][0]
    height, width = frame.shape[1:]
    center = case["args"].get("center", (width / 2, height / 2))
    top, bottom, left, right = official_square(center, width, height)
    assert [top, bottom, left, right] == case["bbox_top_bottom_left_right"]
    stored = f"crop_and_resize_tensor/{case['case']}/out"
    if stored in TENSORS:
        assert_same(resize(frame[:, top:bottom, left:right], (40, 40)), golden(stored)[0])


@pytest.mark.parametrize("case", named("crop_and_resize_tensor_with_face_rects"))
def test_one_crop_for_a_clip(case: dict) -> None:
    boxes = face_boxes(case["case"])
    assert boxes is not None
    np.testing.assert_allclose(boxes, case["per_frame_rects"], atol=1e-4)
    top, bottom, left, right = official_clip_square(boxes, 128, 96)
    assert [top, bottom, left, right] == case["bbox_top_bottom_left_right"]
    ours = resize(FRAMES_A[4][:, top:bottom, left:right], (40, 40))
    assert_same(ours, golden(f"crop_and_resize_tensor_with_face_rects/{case['case']}/out")[0])


@pytest.mark.parametrize("case", [p for p in named("crop_move_face") if p.id != OFFICIAL_SLICE_BUG])
def test_plain_condition_keeps_the_face_and_its_margins(case: dict) -> None:
    boxes = face_boxes(case["case"])
    assert boxes is not None
    for frame, official in zip((2, 4), golden(f"crop_move_face/{case['case']}/out"), strict=True):
        if case["case"] == "missing_middle" and frame == 2:
            continue  # see test_a_carried_over_face_does_not_grow
        picture = FRAMES_A[frame].transpose(1, 2, 0)
        kept = keep_rectangles(picture, [face_rectangle(boxes[frame], 128, 96)])
        assert_same(resize(kept.transpose(2, 0, 1), (40, 40)), official)


def test_a_carried_over_face_does_not_grow() -> None:
    """The official code enlarges the box in place, so every further frame without a face keeps more of the picture."""
    boxes = face_boxes("missing_middle")
    assert boxes is not None
    np.testing.assert_array_equal(boxes[2], boxes[1])
    once = face_rectangle(boxes[1], 128, 96)
    grown = np.array([40, 12, 74, 64.5])
    official = keep_rectangles(FRAMES_A[2].transpose(1, 2, 0), [face_rectangle(grown, 128, 96)])
    assert once == (40, 74, 12, 64)
    assert_same(resize(official.transpose(2, 0, 1), (40, 40)), golden("crop_move_face/missing_middle/out")[0])


def test_face_beyond_the_left_top_edge_gives_a_black_frame() -> None:
    boxes = face_boxes(OFFICIAL_SLICE_BUG)
    assert boxes is not None
    picture = FRAMES_A[4].transpose(1, 2, 0)
    assert not keep_rectangles(picture, [face_rectangle(boxes[4], 128, 96)]).any()
    assert golden(f"crop_move_face/{OFFICIAL_SLICE_BUG}/out")[1].any()


@pytest.mark.parametrize("case", named("get_patch_div", "args"))
def test_patch(case: dict) -> None:
    x, y, height, width, divisor = case["args"]
    official = tuple(case["xmin_xmax_ymin_ymax"])
    ours = patch((x, y), width, height, divisor)
    if 0 <= x <= width and 0 <= y <= height:
        assert ours == official
    else:
        # a center far outside: the official edges are clipped at one end each and come out reversed
        assert official[0] > official[1]
        assert ours[0] == ours[1] and ours[2:] == official[2:]


def test_contour_condition() -> None:
    facts = FACTS["contour"]
    driver = TENSORS["contour/driver_landmarks_xy_pixels"]
    patches = contour_patches(patch_centers(driver), 64, 64)
    assert [list(p) for p in patches] == facts["patch_boxes_xmin_xmax_ymin_ymax"]
    # the official code means the first frame but aligns the last one, which its loop left over
    affine = alignment_affine(driver[facts["src_point_frame_used"]], TENSORS["contour/source_landmarks_xy_pixels"])
    np.testing.assert_allclose(affine, TENSORS["contour/affine_matrix"], atol=1e-6)
    for frame, official in zip(TENSORS["contour/driver_u8"], golden("contour/out"), strict=True):
        ours = contour_condition(np.repeat(frame.transpose(1, 2, 0), 3, axis=2), patches, affine)
        # ours are whole gray levels
        np.testing.assert_allclose(ours[..., 0], official[0], rtol=0, atol=0.51)


@pytest.mark.parametrize("case", named("apply_transforms"))
def test_training_warp(case: dict) -> None:
    square = case["case"].startswith("square")
    frame = TENSORS["square_u8"] if square else TENSORS["frames_a_u8"][:1]
    parameters = case["params"]
    scale = parameters.get("affine", {}).get("scale", 1.0)
    ours = warp_driver(torch.from_numpy(frame).float(), parameters.get("aspect_ratio", 1.0), scale)
    assert_same(ours, golden(f"apply_transforms/{case['case']}/out"))
