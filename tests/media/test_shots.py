import cv2
import numpy as np
import pytest
from curate.raw_videos import demo_frames

from megactor.media.shots import CutWatch, find_shots, mark_frames


def small(name):
    return [cv2.resize(frame, (96, 96), interpolation=cv2.INTER_AREA) for frame in demo_frames(name)]


def shots(frames):
    return find_shots(mark_frames(frames))


def mixed(a, b, part):
    return cv2.addWeighted(a, 1 - part, b, part, 0)


def test_hard_cuts():
    talk, faces = small("talk"), small("faces")
    assert shots(talk + faces + talk) == [(0, 50), (50, 100), (100, 150)]


def test_a_jump_cut_within_one_scene():
    talk = small("talk")
    moved = [np.roll(frame, 6, axis=1) for frame in talk]
    assert shots(talk[:25] + moved[25:]) == [(0, 25), (25, 50)]


@pytest.mark.parametrize("length", [8, 16])
def test_fades_through_black_belong_to_no_shot(length):
    talk, faces = small("talk"), small("faces")
    black = np.zeros_like(talk[0])
    out = [mixed(talk[-1], black, (i + 1) / length) for i in range(length)]
    into = [mixed(black, faces[0], (i + 1) / length) for i in range(length)]
    first, second = shots(talk + out + [black] * 5 + into + faces)
    assert first[0] == 0 and 45 <= first[1] <= 53
    begins = 50 + 2 * length + 5
    assert begins - 3 <= second[0] <= begins + 14 and second[1] == begins + 50


@pytest.mark.parametrize("length", [8, 16])
def test_dissolves_belong_to_no_shot(length):
    talk, faces = small("talk"), small("faces")
    between = [mixed(talk[-1], faces[0], (i + 1) / (length + 1)) for i in range(length)]
    first, second = shots(talk + between + faces)
    assert first[0] == 0 and 30 <= first[1] <= 52
    assert 50 + length - 2 <= second[0] <= 50 + length + 20 and second[1] == 100 + length


@pytest.mark.parametrize("length", [1, 2, 3])
def test_flashes_are_no_cuts(length):
    talk = small("talk")
    for number in range(length):
        talk[20 + number] = mixed(talk[20 + number], np.full_like(talk[0], 255), 0.9)
    assert shots(talk) == [(0, 50)]


def test_fast_motion_is_no_cut():
    texture = np.random.default_rng(0).integers(0, 255, (12, 160, 3), dtype=np.uint8)
    wall = cv2.resize(texture, (1600, 120), interpolation=cv2.INTER_CUBIC)
    assert shots([np.ascontiguousarray(wall[:, 14 * i : 14 * i + 120]) for i in range(60)]) == [(0, 60)]
    shaken = [np.roll(frame, int(9 * np.sin(0.9 * i)), axis=1) for i, frame in enumerate(small("talk"))]
    assert shots(shaken) == [(0, 50)]


def test_jerks_of_a_video_whose_frames_are_repeated_are_no_cuts():
    texture = np.random.default_rng(0).integers(0, 255, (12, 160, 3), dtype=np.uint8)
    wall = cv2.resize(texture, (1600, 120), interpolation=cv2.INTER_CUBIC)
    places = np.cumsum(np.tile([1, 2, 1, 5, 6, 1, 1, 1], 6))
    frames = [np.ascontiguousarray(wall[:, place : place + 120]) for place in np.repeat(places, 2)]
    assert shots(frames) == [(0, len(frames))]
    other = [np.roll(frame[::-1], 60, axis=1) for frame in frames]
    assert shots(frames + other) == [(0, 96), (96, 192)]


def test_nothing_and_black():
    assert shots([]) == []
    assert shots([np.zeros((96, 96, 3), np.uint8)] * 30) == []


def cuts(frames):
    watch = CutWatch()
    return [number for number, frame in enumerate(frames) if watch(frame)]


def test_cuts_are_told_at_once():
    talk, faces = demo_frames("talk"), demo_frames("faces")
    assert cuts(talk + faces + talk) == [len(talk), len(talk) + len(faces)]


def test_a_flash_is_told_both_ways_and_motion_is_not():
    talk = list(demo_frames("talk"))
    talk[20] = np.full_like(talk[20], 255)
    assert cuts(talk) == [20, 21]
    assert cuts(demo_frames("faces")) == []
