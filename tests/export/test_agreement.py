"""An export that computes something else, or nothing, is not written."""

import numpy as np
import pytest
import torch
from torch import nn

from mbnas.errors import ModelError
from mbnas.export.agreement import check_agreement
from mbnas.export.torch_program import export_torch

from .conftest import card_of

NETWORK = nn.Conv2d(1, 3, 1)


def check(run):
    check_agreement(run, NETWORK, card_of(), "fold0.pt2")


@torch.no_grad()
def exact(images):
    return NETWORK(torch.from_numpy(images)).numpy()


def test_rounding_is_allowed():
    check(exact)
    check(lambda images: exact(images) * np.float32(1 + 1e-6))


@pytest.mark.parametrize(
    "run",
    [
        lambda images: exact(images) * np.float32(1.001),
        lambda images: exact(images)[..., 1:],
        lambda images: np.full_like(exact(images), np.nan),
    ],
    ids=["scaled", "smaller", "not finite"],
)
def test_other_logits_are_refused(run):
    with pytest.raises(ModelError, match="its logits differ"):
        check(run)


def test_what_takes_one_size_alone_is_refused():
    def run(images):
        if images.shape[0] != 1:
            raise ValueError("one image\nat a time")
        return exact(images)

    words = r"does not run on images of shape \(2, 1, 35, 42\) \(ValueError: one image\)"
    with pytest.raises(ModelError, match=words):
        check(run)


def test_nothing_is_left_of_what_is_refused(small, tmp_path, monkeypatch):
    monkeypatch.setattr("mbnas.export.agreement.disagreement", lambda found, expected: 0.5)
    with pytest.raises(ModelError, match="was not written"):
        export_torch(small[0], tmp_path / "deep" / "out")
    assert not list(tmp_path.iterdir())
