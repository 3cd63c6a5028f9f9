"""Normalisation: z-scores by volume, CT by the dataset's foreground."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_allclose

from mbnas.data.datasets.normalisation import (
    SAMPLE_PER_CASE,
    SCHEMES,
    ChannelNormalisation,
    ForegroundIntensities,
    fit_normalisation,
    is_ct,
    normalise,
    of_volume,
    outside_range,
    sample_foreground,
    scheme_of,
)
from mbnas.errors import DatasetError

volumes = npst.arrays(np.float32, (2, 3, 3, 3), elements=st.floats(-(2.0**100), 2.0**100, width=32))
Z_SCORE = ChannelNormalisation(scheme="zscore")
CT = ChannelNormalisation(
    scheme="CT",
    foreground=ForegroundIntensities(low=-100.0, high=300.0, mean=40.0, deviation=60.0),
)
ALL = tuple(CT if each == "CT" else ChannelNormalisation(scheme=each) for each in SCHEMES)


def normalised(voxels, *normalisation):
    return normalise(voxels, of_volume(voxels, normalisation))


@given(volumes)
def test_z_scores_are_finite_with_mean_zero_and_deviation_one_or_zero(voxels):
    scores = normalised(voxels, Z_SCORE, Z_SCORE)
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
    (channel,) = fit_normalisation(("CT",), samples)
    ct = channel.foreground
    values = np.arange(1001.0)
    assert_allclose([ct.low, ct.high, ct.mean, ct.deviation], [5, 995, 500, values.std()])
    voxels = np.array([-3000, 5, 500, 995, 3000], np.float32).reshape(1, 5, 1, 1)
    expected = (np.array([5, 5, 500, 995, 995]) - 500) / values.std()
    assert_allclose(normalised(voxels, channel).ravel(), expected, rtol=1e-6)


def test_only_ct_channels_are_fitted():
    sample = np.ones((2, 4), np.float32)
    assert fit_normalisation(("MRI", "T2"), []) == (Z_SCORE, Z_SCORE)
    pet, ct = fit_normalisation(("PET", " ct"), [sample])
    assert pet == Z_SCORE
    assert ct.foreground.deviation == 0
    constant = np.full((2, 2, 2, 2), 1, np.float32)
    assert not normalised(constant, pet, ct).any()
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


@given(volumes)
def test_parts_are_normalised_as_in_their_volume(voxels):
    five = np.stack([voxels[0], voxels[1], voxels[0], voxels[1], voxels[0]])
    known = of_volume(five, ALL)
    parts = [normalise(five[..., z : z + 1], known) for z in range(3)]
    assert np.array_equal(np.concatenate(parts, axis=-1), normalise(five, known))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("noNorm", [0, 0.03, 0.9, 200]),
        ("rescale_to_0_1", [0, 0.03 / 200, 0.9 / 200, 1]),
        ("rgb_to_0_1", [0, 0.03 / 255, 0.9 / 255, 200 / 255]),
        # mean 50.2325; variance 29907.595 / 4 = 7476.899, whose root is 86.46906
        ("zscore", [-0.580930, -0.580583, -0.570522, 1.732036]),
    ],
)
def test_each_channel_name_normalises_as_computed_by_hand(name, expected):
    voxels = np.array([0, 0.03, 0.9, 200], np.float32).reshape(1, 2, 2, 1)
    for spelling in (name, name.upper(), name.lower(), f" {name} "):
        normalisation = fit_normalisation((spelling,), [])
        assert_allclose(normalised(voxels, *normalisation).ravel(), expected, atol=2e-6)


def test_probability_maps_keep_their_peaks():
    low, high = np.zeros((1, 4, 4, 4), np.float32), np.zeros((1, 4, 4, 4), np.float32)
    low[0, 1, 1, 1], high[0, 1, 1, 1] = 0.03, 0.9
    (as_is,) = fit_normalisation(("noNorm",), [])
    assert np.array_equal(normalised(low, as_is), low)
    assert np.array_equal(normalised(high, as_is), high)


NAMES = ("CT", "ct", "noNorm", "NONORM", "zscore", "T1", "", "rgb", "PET/CT", "RGB_to_0_1")


@pytest.mark.parametrize("name", [*NAMES, "Rescale_To_0_1", "rescale_to_0_1", "nonorm "])
def test_channels_are_normalised_as_by_nnunet(name):
    mapping = pytest.importorskip(
        "nnunetv2.preprocessing.normalization.map_channel_name_to_normalization"
    )
    voxels = np.random.default_rng(3).uniform(0, 255, (1, 6, 5, 4)).astype(np.float32)
    sample = np.random.default_rng(4).normal(100, 30, (1, 500)).astype(np.float32)
    reference = mapping.get_normalization_scheme(name.strip())(
        use_mask_for_norm=False,
        intensityproperties={
            "mean": sample.mean(dtype=np.float64),
            "std": sample.std(dtype=np.float64),
            "percentile_00_5": np.percentile(sample, 0.5),
            "percentile_99_5": np.percentile(sample, 99.5),
        },
    )
    expected = reference.run(voxels[0].copy())
    found = normalised(voxels, *fit_normalisation((name,), [sample]))
    assert_allclose(found[0], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("value", [-1, 256])
def test_rgb_values_must_be_from_0_to_255(value):
    voxels = np.array([0, 255, 7, value], np.float32).reshape(1, 2, 2, 1)
    assert f"from {min(0, value)} to {max(255, value)} in channel 0" in outside_range(
        voxels, ["rgb_to_0_1"]
    )
    assert outside_range(voxels, ["rescale_to_0_1"]) is None
    assert outside_range(voxels[:, :, :1], ["rgb_to_0_1"]) is None


def test_a_constant_channel_is_zero_unless_its_values_count():
    constant = np.full((1, 2, 2, 2), 51, np.float32)
    values = {
        name: float(normalised(constant, *fit_normalisation((name,), [])).max())
        for name in ("zscore", "rescale_to_0_1", "noNorm", "rgb_to_0_1")
    }
    assert values == pytest.approx(
        {"zscore": 0, "rescale_to_0_1": 0, "noNorm": 51, "rgb_to_0_1": 0.2}
    )


def test_a_normalisation_survives_json():
    for each in ALL:
        assert ChannelNormalisation.from_json(json.loads(json.dumps(asdict(each)))) == each
    with pytest.raises(DatasetError, match="CT needs foreground"):
        ChannelNormalisation(scheme="CT")
    with pytest.raises(DatasetError, match="zscore has no foreground"):
        ChannelNormalisation(scheme="zscore", foreground=CT.foreground)
    with pytest.raises(DatasetError, match="'ct2' is not known"):
        ChannelNormalisation.from_json({"scheme": "ct2", "foreground": None})


def test_volumes_of_other_channel_names_are_scaled_separately():
    assert [scheme_of(name) for name in ("FLAIR", "0", "CTA")] == ["zscore"] * 3
