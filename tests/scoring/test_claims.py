"""What is claimed, word by word."""

import numpy as np
import pytest

from mbnas.scoring.claims import caution_folds, claim_friedman, claim_optimism, claim_pair
from mbnas.scoring.intervals import Interval
from mbnas.scoring.pairs import Comparison, compare, compare_all
from mbnas.scoring.ranks import friedman


def comparison(differences, *, num_comparisons=1, p_holm=None):
    paired = compare(np.array(differences, float))
    return Comparison(
        first=0,
        second=1,
        paired=paired,
        num_comparisons=num_comparisons,
        p_holm=min(1.0, num_comparisons * paired.p) if p_holm is None else p_holm,
    )


STEPS = np.arange(1, 16) / 1000


def test_a_network_that_is_better_is_said_to_be():
    differences = [-0.001, *STEPS[1:]]
    assert claim_pair(comparison(differences, num_comparisons=3), "Best found", "U-Net") == (
        "Best found is better than U-Net: +0.0079 Dice on average, higher in 14 of 15 pairs "
        "(rank-biserial effect +0.98), p = 0.00037, Holm-corrected over 3 comparisons."
    )


def test_the_better_network_comes_first():
    interval = Interval(low=-0.012, high=-0.0041, confidence=0.95)
    claim = claim_pair(comparison(-STEPS), "U-Net", "Best found", interval=interval)
    assert claim == (
        "Best found is better than U-Net: +0.0080 Dice on average (95 % interval over patients "
        "+0.0041 to +0.0120), higher in 15 of 15 pairs (rank-biserial effect +1.00), p < 0.0001."
    )


def test_data_that_cannot_tell_are_said_not_to():
    differences = [0.01, -0.02, 0.03, 0.0, -0.005, 0.015, -0.025]
    claim = claim_pair(comparison(differences), "A", "B", unit="mm")
    assert claim == (
        "These 7 pairs cannot tell A from B: +0.0007 mm on average, higher in 3 of 7 pairs "
        "(rank-biserial effect +0.05), p = 1."
    )


def test_so_few_pairs_that_none_could_tell_are_said_to_be():
    assert claim_pair(comparison([0.01, 0.02, 0.03]), "A", "B") == (
        "3 pairs could not tell A from B whatever the scores, as the smallest p possible is 0.25, "
        "not below 0.05: +0.0200 Dice on average, higher in 3 of 3 pairs."
    )
    assert claim_pair(comparison(-STEPS[:6], num_comparisons=3), "A", "B") == (
        "6 pairs could not tell A from B whatever the scores, as the smallest p possible is 0.094, "
        "Holm-corrected over 3 comparisons, not below 0.05: -0.0035 Dice on average, higher in 0 "
        "of 6 pairs."
    )
    assert claim_pair(comparison([0.0]), "A", "B") == (
        "1 pair could not tell A from B whatever the scores, as the smallest p possible is 1, "
        "not below 0.05: +0.0000 Dice on average, higher in 0 of 1 pair."
    )


def test_ranks_and_mean_that_disagree_are_said_to():
    differences = [*STEPS[:9], -0.9]
    assert claim_pair(comparison(differences, p_holm=0.04), "A", "B") == (
        "A differs from B: ranks favour it, and the mean does not: -0.0855 Dice on average, higher "
        "in 9 of 10 pairs (rank-biserial effect +0.64), p = 0.04."
    )


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (0.0499, "p = 0.0499."),
        (0.0499, "A is better than B"),
        (0.05, "These 15 pairs cannot tell"),
        (0.0501, "p = 0.05."),
        (0.04996, "p = 0.04996."),
        (0.00012345, "p = 0.00012."),
        (0.00002, "p < 0.0001."),
    ],
)
def test_a_p_is_printed_on_its_side_of_alpha(p, words):
    assert words in claim_pair(comparison(STEPS, p_holm=p), "A", "B")


def test_alpha_can_be_chosen():
    one = comparison(STEPS, p_holm=0.03)
    assert "is better" in claim_pair(one, "A", "B")
    assert "cannot tell" in claim_pair(one, "A", "B", alpha=0.01)


def test_the_friedman_test_in_words(demsar):
    assert claim_friedman(friedman(demsar)) == (
        "The 4 networks do not all score alike in 14 blocks: average ranks from 1.96 to 3.14, "
        "F = 4.19, p = 0.012 (Friedman test after Iman and Davenport)."
    )
    assert claim_friedman(friedman(demsar), alpha=0.01) == (
        "These 14 blocks cannot tell the 4 networks apart: average ranks from 1.96 to 3.14, "
        "F = 4.19, p = 0.012 (Friedman test after Iman and Davenport)."
    )
    assert claim_friedman(friedman(np.tile([0.9, 0.8, 0.7], (3, 1)))) == (
        "The 3 networks do not all score alike in 3 blocks: average ranks from 1.00 to 3.00, "
        "every block ranks alike, p = 0.028 (Friedman test after Iman and Davenport)."
    )
    assert claim_friedman(friedman(np.full((5, 3), 0.7))) == (
        "These 5 blocks cannot tell the 3 networks apart: average ranks from 2.00 to 2.00, "
        "F = 0.00, p = 1 (Friedman test after Iman and Davenport)."
    )
    assert claim_friedman(friedman(demsar[:, :2])) == (
        "The Friedman test is not defined here: it needs three networks or more, each scored in "
        "two blocks or more."
    )


def test_every_comparison_has_a_claim(demsar):
    claims = [claim_pair(each, str(each.first), str(each.second)) for each in compare_all(demsar)]
    assert [claim[: claim.index(":")] for claim in claims] == [
        "1 is better than 0",
        "These 14 pairs cannot tell 0 from 2",
        "These 14 pairs cannot tell 0 from 3",
        "These 14 pairs cannot tell 1 from 2",
        "These 14 pairs cannot tell 1 from 3",
        "These 14 pairs cannot tell 2 from 3",
    ]


def test_folds_that_share_patients_are_cautioned_of():
    assert caution_folds(5, 3) == (
        "Read these p-values as optimistic: each patient is trained on in 4 of the 5 folds, so the "
        "15 blocks are not independent (Nadeau and Bengio 2003), and no unbiased estimate of the "
        "variance over folds exists (Bengio and Grandvalet 2004)."
    )


def test_the_optimism_of_a_search_in_words():
    assert claim_optimism(0.86123, 0.8534, num_networks=150) == (
        "The search saw 0.8612 Dice for its best of 150 networks, and fresh initialisations give "
        "0.8534 (-0.0078): the best of many noisy scores is an optimistic one; the fresh score is "
        "the one to report."
    )
    assert claim_optimism(0.85, 0.86, num_networks=1) == (
        "The search saw 0.8500 Dice for its best of 1 network, and fresh initialisations give "
        "0.8600 (+0.0100): no optimism shows here; the fresh score is still the one to report."
    )
