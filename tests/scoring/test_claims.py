"""The wording of conclusions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mbnas.scoring.claims import (
    basis,
    caution_blocks,
    caution_training,
    claim_optimism,
    claim_pair,
    interval_text,
    p_text,
)
from mbnas.scoring.differences import ALPHA, compare_networks
from mbnas.scoring.intervals import Interval

STEPS = np.arange(1, 13) / 1000


def difference(*columns):
    """Return the first pair of networks that differ from a further one by each of the columns."""
    values = np.stack([*map(np.asarray, columns), np.zeros(len(columns[0]))], axis=1)
    return compare_networks(values, rng=np.random.default_rng(0))[0]


def test_a_better_network_is_named():
    assert claim_pair(difference([-0.001, *STEPS[1:]]), "Best found", "U-Net") == (
        "Best found is better than U-Net: +0.0063 Dice (95 % interval +0.0038 to +0.0088; "
        "p = 0.00098; 12 patients)."
    )


def test_the_better_network_comes_first():
    claim = claim_pair(difference(-STEPS), "U-Net", "Best found")
    assert claim.startswith("Best found is better than U-Net: +0.0065 Dice (95 % interval +0.0")


def test_a_result_without_difference_has_its_interval():
    differences = [0.01, -0.02, 0.03, 0.0, -0.005, 0.015, -0.025]
    assert claim_pair(difference(differences), "A", "B", unit="mm") == (
        "No difference shown between A and B: +0.0007 mm (95 % interval -0.0200 to +0.0200; p = 1; "
        "7 patients)."
    )


def test_too_few_patients_are_reported():
    assert claim_pair(difference([0.01, 0.02, 0.03]), "A", "B") == (
        "Too few patients to show any difference between A and B: +0.0200 Dice in 3 patients; the "
        "smallest p possible is 0.25."
    )
    assert claim_pair(difference(STEPS[:7], -STEPS[:7]), "A", "B") == (
        "A is better than B: +0.0080 Dice (95 % interval +0.0020 to +0.0140; p = 0.047; "
        "7 patients)."
    )
    assert claim_pair(difference(STEPS[:6], -STEPS[:6]), "A", "B") == (
        "Too few patients to show any difference between A and B: +0.0070 Dice in 6 patients; the "
        "smallest p possible is 0.094."
    )


@given(arrays(float, st.tuples(st.integers(1, 9), st.just(3)), elements=st.floats(0, 1)))
def test_a_sentence_never_contradicts_its_own_interval(values):
    for each in compare_networks(values, rng=np.random.default_rng(0)):
        claim = claim_pair(each, "A", "B")
        if "is better than" in claim:
            ends = claim.split("interval ")[1].split(";")[0].split(" to ")
            assert float(ends[0]) > 0
            assert float(ends[1]) > 0
        elif "No difference shown" in claim:
            low, high = map(float, claim.split("interval ")[1].split(";")[0].split(" to "))
            assert low <= 0 <= high
        else:
            assert "interval" not in claim
            assert each.smallest_p >= ALPHA


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (0.0499, "0.0499"),
        (0.05, "0.05"),
        (0.0501, "0.05"),
        (0.04996, "0.04996"),
        (0.00012345, "0.00012"),
        (0.00002, "< 0.0001"),
    ],
)
def test_a_p_is_printed_on_its_side_of_alpha(p, words):
    assert p_text(p, 0.05) == words


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.0012, 0.0345, "+0.0012 to +0.0345"),
        (0.000002, 0.01, "+0.000002 to +0.0100"),
        (-0.01, -0.000002, "-0.0100 to -0.000002"),
        (0.0, 0.01, "+0.0000 to +0.0100"),
        (-0.0, 0.01, "+0.0000 to +0.0100"),
    ],
)
def test_an_end_is_printed_on_its_side_of_zero(low, high, words):
    assert interval_text(Interval(low=low, high=high, confidence=0.95), digits=4) == words


def test_the_sentence_on_the_patients_compared():
    assert basis(0, 20) == (
        "Selected and compared on the same patients: all 20 are in the folds and none is held out, "
        "which favours the networks that a search found."
    )
    assert basis(1, 20) == (
        "Compared on 1 held-out patient, who took no part in the search or in any training."
    )


def test_the_cautions():
    assert caution_training(1) == (
        "The intervals are over patients, for the networks as they were trained here, from 1 "
        "initialisation: another training of the same architectures can come out differently."
    )
    assert caution_training(3).endswith(
        "from 3 initialisations each: they do not cover the luck of training, which the mean over "
        "initialisations reduces."
    )
    assert caution_blocks(15, 5) == (
        "The 15 blocks of the paper's tests are not independent: those of a fold share its "
        "patients, and the 5 folds share training patients. These p-values are too small, and the "
        "conclusions do not use them."
    )


def test_the_sentence_on_the_optimism_of_a_search():
    assert claim_optimism(0.86123, 0.8534, num_networks=150) == (
        "Search score (prepared grid, mean of the last epochs): 0.8612 Dice in the search, the "
        "best of 150 networks, and 0.8534 from fresh initialisations (-0.0078). The best of many "
        "noisy scores is optimistic."
    )
    assert claim_optimism(0.85, 0.86, num_networks=1).endswith(
        "the best of 1 network, and 0.8600 from fresh initialisations (+0.0100). The search was "
        "not optimistic here."
    )
