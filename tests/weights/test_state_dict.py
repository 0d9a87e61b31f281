"""Files of tensors: what is read, what is refused, and that no code in them runs."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch

from megactor.errors import ModelError
from megactor.weights.state_dict import read_state_dict


class Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def test_checkpoint_files(tmp_path: Path) -> None:
    good = {"conv_in.bias": torch.ones(2), "conv_out.bias": torch.ones(3)}
    path = tmp_path / "good.ckpt"
    for stored in ({"epoch": 0, "global_step": 1, "state_dict": good}, good):
        torch.save(stored, path)
        assert read_state_dict(path).keys() == good.keys()
        torch.testing.assert_close(read_state_dict(path), good)

    with pytest.raises(ModelError, match="no such file"):
        read_state_dict(tmp_path / "missing.ckpt")
    for name, content in (("empty.ckpt", b""), ("text.ckpt", b"hello"), ("text.safetensors", b"hello")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match="not a readable checkpoint"):
            read_state_dict(tmp_path / name)
    torch.save([1, 2], tmp_path / "list.ckpt")
    with pytest.raises(ModelError, match="holds no state dict"):
        read_state_dict(tmp_path / "list.ckpt")


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    path, mark = tmp_path / "evil.ckpt", tmp_path / "mark"
    path.write_bytes(pickle.dumps({"state_dict": Malicious(mark)}, protocol=2))
    with pytest.raises(ModelError, match="more than tensors"):
        read_state_dict(path)
    torch.save({"state_dict": Malicious(mark)}, path)
    with pytest.raises(ModelError, match="more than tensors"):
        read_state_dict(path)
    assert not mark.exists()
