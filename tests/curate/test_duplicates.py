import cv2
import numpy as np

from megactor.curate.duplicates import Signature, find_duplicates, preferred_first, signature


def clip(seed, frames=60, side=64):
    rng = np.random.default_rng(seed)
    wall = cv2.resize(rng.integers(0, 255, (6, 6, 3), dtype=np.uint8), (side, side), interpolation=cv2.INTER_CUBIC)
    tracks = {name: np.cumsum(rng.normal(0, 0.02, frames)) for name in ("mouth", "yaw", "pitch")}
    return np.stack([np.roll(wall, number // 20, 1) for number in range(frames)]), tracks


def find(*clips, most=0.1):
    return find_duplicates([(str(number), mark) for number, mark in enumerate(clips)], most)


def test_the_same_at_another_size_rate_and_quality():
    pictures, tracks = clip(0)
    worse = np.stack([cv2.resize(p, (40, 40)) for p in pictures[::2]])
    worse = (worse * 0.9 + np.random.default_rng(1).normal(0, 4, worse.shape)).clip(0, 255).astype(np.uint8)
    slower = {name: track[::2] + 0.001 for name, track in tracks.items()}
    assert find(signature(pictures, tracks), signature(worse, slower), signature(*clip(3))) == {"1": "0"}


def test_two_moments_of_one_take_are_no_duplicates():
    pictures, tracks = clip(0)
    assert find(signature(pictures, tracks), signature(pictures, clip(5)[1])) == {}


def test_the_larger_copy_is_kept():
    marks = [("a", 200.0, signature(*clip(0))), ("b", 400.0, signature(*clip(0))), ("c", 400.0, signature(*clip(0)))]
    assert [key for key, _ in preferred_first(marks)] == ["b", "c", "a"]
    assert find_duplicates(preferred_first(marks), 0.1) == {"c": "b", "a": "b"}


def test_many_clips_are_compared_in_time():
    rng = np.random.default_rng(0)
    marks = [Signature(rng.bytes(32), rng.normal(0, 9, (3, 32)).astype(np.float32)) for _ in range(5000)]
    flipped = bytes([marks[17].hash[0] ^ 3]) + marks[17].hash[1:]
    assert find(*marks, Signature(flipped, marks[17].tracks)) == {"5000": "17"}


def test_signatures_survive_json():
    mark = signature(*clip(0))
    again = Signature.from_dict(mark.to_dict())
    assert again.hash == mark.hash and np.abs(again.tracks - mark.tracks).max() < 0.01
