"""Weights files have the umask's mode, and other users can read them if it allows."""

import os
import stat

import pytest
import torch
from torch import nn

from mbnas.training.final.checkpoint import Checkpoint
from mbnas.training.final.weights_file import load_weights, save_weights


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_weights_and_checkpoints_have_the_mode_of_the_umask(umask, mode, tmp_path):
    network = nn.Conv2d(1, 2, 3)
    paths = tmp_path / "fold0.safetensors", tmp_path / "fold0.checkpoint"
    before = os.umask(umask)
    try:
        save_weights(network, paths[0])
        Checkpoint(training="a", epochs=(), network=network.state_dict(), optimiser={}).write(
            paths[1]
        )
    finally:
        os.umask(before)
    assert [stat.S_IMODE(each.stat().st_mode) for each in paths] == [mode, mode]
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(each.name for each in paths)


def test_another_user_can_load_weights(open_directory, unprivileged):
    network, other = nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 3)
    before = os.umask(0o022)
    try:
        save_weights(network, open_directory / "fold0.safetensors")
    finally:
        os.umask(before)
    with unprivileged():
        load_weights(other, open_directory / "fold0.safetensors")
    assert torch.equal(network.weight, other.weight)
