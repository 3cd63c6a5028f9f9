"""Normalisation: z-scores by volume, CT by the dataset's foreground."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_allclose

from mbnas.data.normalise import (
    SAMPLE_PER_CASE,
    ForegroundIntensities,
    fit_normalisation,
    is_ct,
    normalise,
    of_volume,
    sample_foreground,
)
from mbnas.errors import DatasetError

volumes = npst.arrays(np.float32, (2, 3, 3, 3), elements=st.floats(-(2.0**100), 2.0**100, width=32))


@given(volumes)
def test_z_scores_are_finite_with_mean_zero_and_deviation_one_or_zero(voxels):
    scores = normalise(voxels, (None, None))
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    for channel in scores.astype(np.float64):
        assert abs(channel.mean()) < 1e-3
        assert channel.std() == 0 or abs(channel.std() - 1) < 1e-3


def test_ct_is_clipped_and_scaled_by_the_foreground():
    samples = [
        np.arange(0, 500, dtype=np.float32)[None],
        np.arange(500, 1001, dtype=np.float32)[None],
    ]
    (ct,) = fit_normalisation(("CT",), samples)
    values = np.arange(1001.0)
    assert_allclose([ct.low, ct.high, ct.mean, ct.deviation], [5, 995, 500, values.std()])
    voxels = np.array([-3000, 5, 500, 995, 3000], np.float32).reshape(1, 5, 1, 1)
    expected = (np.array([5, 5, 500, 995, 995]) - 500) / values.std()
    assert_allclose(normalise(voxels, (ct,)).ravel(), expected, rtol=1e-6)


def test_only_ct_channels_are_fitted():
    sample = np.ones((2, 4), np.float32)
    assert fit_normalisation(("MRI", "T2"), []) == (None, None)
    pet, ct = fit_normalisation(("PET", " ct"), [sample])
    assert pet is None
    assert ct.deviation == 0
    constant = np.full((2, 2, 2, 2), 1, np.float32)
    assert not normalise(constant, (pet, ct)).any()
    assert is_ct("Ct")
    assert not is_ct("PET/CT")


def test_ct_without_any_foreground_is_refused():
    with pytest.raises(DatasetError, match="No case has foreground"):
        fit_normalisation(("CT",), [np.ones((1, 0), np.float32)])


def test_a_large_foreground_is_sampled_evenly():
    voxels = np.arange(40_000, dtype=np.float32).reshape(1, 200, 200, 1)
    sample = sample_foreground(voxels, np.ones((200, 200, 1), np.uint8))
    assert sample.shape == (1, SAMPLE_PER_CASE)
    assert abs(sample.mean() - voxels.mean()) < 1
    few = sample_foreground(voxels, (voxels[0] < 3).astype(np.uint8))
    assert few.tolist() == [[0, 1, 2]]


CT = ForegroundIntensities(low=-100.0, high=300.0, mean=40.0, deviation=60.0)


@given(volumes)
def test_parts_are_normalised_as_in_their_volume(voxels):
    whole = normalise(voxels, (None, CT))
    known = of_volume(voxels, (None, CT))
    parts = [normalise(voxels[..., z : z + 1], known) for z in range(3)]
    assert_allclose(np.concatenate(parts, axis=-1), whole, rtol=1e-6, atol=1e-12)
