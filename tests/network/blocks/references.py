"""Blocks and layers against those of other libraries with the same weights, in float64."""

import importlib
import warnings

import pytest
import torch


def library(name):
    """Return a module of a library; the test is skipped where it is not installed."""
    package = name.partition(".")[0]
    with warnings.catch_warnings():  # timm before 1.0.23, which nnU-Net requires, scripts at import
        warnings.filterwarnings("ignore", message="`torch.jit", category=FutureWarning)
        pytest.importorskip(package, reason=f"{package} is not installed")
        return importlib.import_module(name)


def in_shape_of(own, theirs):
    """Return a tensor of ours in the shape of a library's: fully connected or 1×1, for example."""
    if own.dim() == 3:  # biases by head and position, which libraries keep by position and head
        own = own.permute(1, 2, 0)
    return own.reshape(theirs.shape)


def check_equal(own, theirs, run_own, run_theirs, maps):
    """Check output and all gradients, after giving the library's layer random weights of ours.

    Args:
        own: Our layer.
        theirs: The library's; it lists its parameters in the same order.
        run_own: Computes with ours.
        run_theirs: Computes with the library's.
        maps: The input, which is also given a gradient.
    """
    own, theirs = own.double().train(), theirs.double().train()
    pairs = list(zip(own.parameters(), theirs.parameters(), strict=True))
    for mine, other in pairs:
        torch.nn.init.normal_(mine, std=0.5)
        other.data = in_shape_of(mine.data, other).clone()
    results = []
    for run in (run_own, run_theirs):
        given = maps.double().requires_grad_()
        output = run(given)
        weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)
        (output * weights).sum().backward()
        results.append((output, given.grad))
    torch.testing.assert_close(*results, rtol=1e-8, atol=1e-8)
    for mine, other in pairs:
        assert mine.grad.abs().max() > 0 or other.grad.abs().max() == 0
        torch.testing.assert_close(in_shape_of(mine.grad, other), other.grad, rtol=1e-8, atol=1e-8)
    for mine, other in zip(own.buffers(), theirs.buffers(), strict=False):
        if mine.shape == other.shape:  # a library may keep indices of positions
            torch.testing.assert_close(mine, other, rtol=1e-8, atol=1e-8)
