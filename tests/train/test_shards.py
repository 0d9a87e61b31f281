import logging
import tarfile

import fsspec
import numpy as np
import pytest
from train.fake_shards import SIZE, write_shard

from megactor.errors import InputError
from megactor.train.clips import BrokenClipError
from megactor.train.data_config import DataConfig, ShardsConfig
from megactor.train.dataset import Samples, sample_loader
from megactor.train.shards import ShardClips


def data(urls, **changes) -> DataConfig:
    return DataConfig(**({"size": SIZE, "frames": 2, "shards": (ShardsConfig(urls=str(urls)),)} | changes))


def test_any_clip_can_be_read(shard):
    clips = ShardClips(str(shard))
    assert len(clips) == 4
    last, first = clips.clip(3), clips.clip(0)
    assert last.target.shape == first.target.shape == (6, SIZE, SIZE, 3)
    assert set(first.twins) == {"swapped"} and first.landmarks["swapped"].shape == (6, 70, 2)
    assert not np.array_equal(last.target, first.target)
    assert first.foreground[:, 8:, 8:24].all() and first.foreground.mean() < 0.6


def test_patterns_name_many_shards(tmp_path):
    for number in range(3):
        write_shard(tmp_path / f"clips-{number:06d}.tar", clips=1)
    assert len(ShardClips(str(tmp_path / "clips-{000000..000002}.tar"))) == 3
    assert len(ShardClips(str(tmp_path / "clips-*.tar"))) == 3


def test_shards_may_be_anything_that_fsspec_opens(shard):
    memory = fsspec.filesystem("memory")
    memory.put_file(str(shard), "/bucket/clips-000000.tar")
    memory.put_file(str(shard), "/bucket/clips-000001.tar")
    try:
        clips = ShardClips("memory://bucket/clips-*.tar")
        assert len(clips) == len(ShardClips("memory://bucket/clips-{000000..000001}.tar")) == 8
        np.testing.assert_array_equal(clips.clip(5).target, ShardClips(str(shard)).clip(1).target)
    finally:
        memory.rm("/bucket", recursive=True)


@pytest.mark.parametrize("name", ["missing.tar", "clips-{0..1}.tar", "none-*.tar", "nowhere://host/clips.tar"])
def test_missing_shards_are_named(tmp_path, name):
    with pytest.raises(InputError, match=r"clips|missing|none"):
        ShardClips(name if "://" in name else str(tmp_path / name))


def test_a_file_that_is_no_tar(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"x" * 2000)
    with pytest.raises(InputError, match=r"a\.tar"):
        ShardClips(str(tmp_path / "a.tar"))


def test_broken_clips_are_skipped_counted_and_named(tmp_path, caplog):
    path = write_shard(tmp_path / "clips.tar", clips=4, broken=(1,))
    with pytest.raises(BrokenClipError):
        ShardClips(str(path)).clip(1)
    samples = Samples(data(path), seed=0)
    with caplog.at_level(logging.WARNING):
        skipped = [int(samples[number]["skipped"]) for number in range(40)]
    assert 2 <= sum(skipped) <= 25
    assert caplog.text.count(f"{path}: clip 000000001") == 1  # however often it is drawn


@pytest.mark.parametrize("left", ["header", "part of a header", "nothing", "part of a file"])
def test_a_shard_that_is_cut_off_is_named_and_not_taken_for_a_short_one(tmp_path, left):
    path = write_shard(tmp_path / "clips-000007.tar", clips=6)
    with tarfile.open(path) as tar:
        member = tar.getmember("000000004.swapped.mp4")
    ends = {"header": 512, "part of a header": 100, "nothing": 0, "part of a file": 700}
    path.write_bytes(path.read_bytes()[: member.offset + ends[left]])
    write_shard(tmp_path / "clips-000006.tar", clips=1)
    with pytest.raises(InputError, match=r"shard [^*]*clips-000007\.tar"):
        ShardClips(str(tmp_path / "clips-*.tar"))


def test_clips_without_all_their_files_are_told_once_and_left_out(tmp_path, caplog):
    path = write_shard(tmp_path / "clips.tar", clips=30, lacking={3: "truth.npz"})
    clips = ShardClips(str(path))
    assert len(clips) == 29
    assert clips.notes == [f"{path}: 1 of 30 clips lack files and are left out, such as 000000003.truth.npz"]
    samples = Samples(data(path), seed=0)
    assert samples.notes() == clips.notes
    with caplog.at_level(logging.WARNING):
        assert sum(int(samples[number]["skipped"]) for number in range(40)) == 0
    assert not caplog.text


def test_shards_of_which_much_is_missing_are_refused(tmp_path):
    path = write_shard(tmp_path / "clips.tar", clips=6, lacking={3: "json", 5: "mp4"})
    with pytest.raises(InputError, match=r"2 of 6 clips lack files; .*000000003\.json"):
        ShardClips(str(path))


def test_clips_that_are_shorter_than_a_sample_are_skipped_by_name(tmp_path, caplog):
    write_shard(tmp_path / "clips-0.tar", clips=2, frames=12)
    short = write_shard(tmp_path / "clips-1.tar", clips=2, frames=5)
    samples = Samples(data(tmp_path / "clips-*.tar", frames=6, stride=4), seed=0)
    with caplog.at_level(logging.WARNING):
        cut = [samples[number] for number in range(20)]
    assert all(sample["target"].shape[0] == 6 for sample in cut) and any(sample["skipped"] for sample in cut)
    assert f"{short}: clip 000000001: a clip of 5 frames is too short for samples of 6" in caplog.text


def test_nothing_but_broken_clips_ends_with_an_error(tmp_path):
    path = write_shard(tmp_path / "clips.tar", clips=2, broken=(0, 1))
    with pytest.raises(InputError, match="in a row"):
        Samples(data(path), seed=0)[0]


def test_strongest_clips(shard):
    # the expressions of clip n spread over [0, n + 1]
    np.testing.assert_array_equal(ShardClips(str(shard)).strongest(0.5), [2, 3])
    strong = Samples(data(shard, strongest=0.25), seed=0)
    frames = {strong[number]["target"].tobytes() for number in range(12)}
    only = ShardClips(str(shard)).clip(3)
    possible = {np.moveaxis(only.target[[a, b]], -1, 1).tobytes() for a in range(6) for b in range(6)}
    augmented = len(frames - possible)
    assert augmented < len(frames)


def test_batches_do_not_depend_on_how_many_processes_share_them(shard):
    samples = Samples(data(shard), seed=1)

    def batches(**shape):
        return list(sample_loader(samples, first=8, last=24, batch=8, **shape))

    whole = batches()
    halves = [batches(rank=rank, world_size=2) for rank in range(2)]
    assert len(whole) == len(halves[0]) == 2
    for step, batch in enumerate(whole):
        assert batch["number"].tolist() == list(range(8 + 8 * step, 16 + 8 * step))
        for rank in range(2):
            for name, tensor in halves[rank][step].items():
                assert tensor.equal(batch[name][rank::2])
    in_workers = batches(workers=2)
    assert all(a[name].equal(b[name]) for a, b in zip(whole, in_workers, strict=True) for name in a)
