"""Comparisons of networks with known volumes, against values computed separately."""

import numpy as np
import pytest
from scipy import stats

from mbnas.results.compared_network import patient_means
from mbnas.results.metric_summaries import contributions
from mbnas.scoring.paired_tests import compare_all


def as_array(dice):
    """Initialisation × patient × class, of one volume a patient."""
    initialisations = sorted({place[0] for place in dice})
    return np.array(
        [
            [values for place in sorted(dice) if place[0] == each for _, values in dice[place]]
            for each in initialisations
        ]
    )


def test_means_are_over_patients_classes_and_initialisations(compare, contender, drawn):
    dice = drawn(1)
    (network,) = compare(contender("A", dice)).networks
    values_IPK = as_array(dice)
    measured = network.validation.metrics["dice"]
    of_initialisations = values_IPK.mean(axis=(1, 2))
    assert measured.overall.mean == pytest.approx(of_initialisations.mean())
    assert measured.overall.sd == pytest.approx(of_initialisations.std(ddof=1))
    for k, of_class in enumerate(measured.per_class):
        assert of_class.mean == pytest.approx(values_IPK[:, :, k].mean())
        assert of_class.sd == pytest.approx(values_IPK[:, :, k].mean(axis=1).std(ddof=1))
    assert network.validation.metrics["surface_dice"].overall.mean == pytest.approx(
        values_IPK.mean() / 2
    )
    assert network.validation.metrics["hd95_mm"].overall.mean == 4.0
    assert network.validation.metrics["hd95_mm"].overall.interval.low == 4.0


def test_the_interval_is_scipys_over_the_patients_means(compare, contender, drawn):
    dice = drawn(2)
    comparison = compare(contender("A", dice))
    interval = comparison.networks[0].validation.metrics["dice"].overall.interval
    of_patients = as_array(dice).mean(axis=(0, 2))
    expected = stats.bootstrap(
        (of_patients,), np.mean, n_resamples=9999, method="BCa", random_state=5
    ).confidence_interval
    assert (interval.low, interval.high) == pytest.approx(tuple(expected), abs=0.003)
    assert compare(contender("A", dice)) == comparison
    other = compare(contender("A", dice), seed=1).networks[0].validation.metrics["dice"].overall
    assert other.interval != interval


def test_the_score_is_the_mean_over_folds_then_initialisations(compare, contender, drawn):
    (network,) = compare(contender("A", drawn(1))).networks
    assert network.search_score.mean == pytest.approx(0.5 + 0.05 + 0.01)
    assert network.search_score.sd == pytest.approx(0.01)
    assert network.training_s == 10.5


def test_a_patients_volumes_are_averaged_first(compare, contender):
    dice = {
        (1000, 0): [("a", (0.2, 0.4)), ("a", (0.6, 0.8))],
        (1000, 1): [("b", (1.0, 1.0))],
    }
    (network,) = compare(contender("A", dice)).networks
    measured = network.validation.metrics["dice"]
    assert measured.overall.mean == pytest.approx(((0.4 + 1.0) / 2 + (0.6 + 1.0) / 2) / 2)
    assert measured.overall.sd is None
    assert patient_means(network, "dice") == pytest.approx({"a": 0.5, "b": 1.0})
    assert network.dice == pytest.approx((0.5, 1.0))


def test_undefined_classes_are_left_out_and_counted_and_missed_ones_are_zero(compare, contender):
    dice = {
        (1000, 0): [("a", (0.8, None)), ("b", (0.6, 0.0))],
        (1000, 1): [("c", (0.4, 0.9))],
    }
    (network,) = compare(contender("A", dice)).networks
    measured, counts = network.validation.metrics["dice"], network.validation.counts
    assert [each.mean for each in measured.per_class] == pytest.approx([0.6, 0.45])
    assert measured.overall.mean == pytest.approx(0.525)
    assert [(each.num_values, each.num_undefined, each.num_missed) for each in counts] == [
        (3, 0, 0),
        (3, 1, 1),
    ]
    total = network.validation.total
    assert (total.num_values, total.num_undefined, total.num_missed) == (6, 1, 1)


def test_a_class_that_no_patient_has_is_in_no_mean(compare, contender):
    dice = {(1000, 0): [("a", (0.8, None))], (1000, 1): [("b", (0.6, None))]}
    (network,) = compare(contender("A", dice)).networks
    measured = network.validation.metrics["dice"]
    assert measured.overall.mean == pytest.approx(0.7)
    assert [each.mean for each in measured.per_class] == [pytest.approx(0.7), None]


def test_an_undefined_metric_has_no_mean_and_no_test(compare, contender, drawn):
    nothing = {place: [("a", (None, None))] for place in drawn(1)}
    comparison = compare(contender("A", nothing), contender("B", drawn(1), kernel=5))
    assert comparison.networks[0].validation.metrics["dice"].overall.mean is None
    assert (comparison.blocks, comparison.block_pairs, comparison.differences) == ((), (), ())


def test_contributions_have_the_mean_of_the_table():
    rng = np.random.default_rng(0)
    values_IPK = rng.uniform(size=(3, 7, 2))
    assert contributions(values_IPK) == pytest.approx(values_IPK.mean(axis=(0, 2)))
    values_IPK[:, :4, 1] = np.nan
    values_IPK[:, 6] = np.nan
    expected = np.nanmean(np.nanmean(values_IPK, axis=1), axis=1).mean()
    found = contributions(values_IPK)
    assert np.isnan(found).nonzero()[0].tolist() == [6]
    assert np.nanmean(found) == pytest.approx(expected)


def test_held_out_patients_get_the_mean_over_the_networks_of_all_folds(compare, contender):
    dice = {(1000, 0): [("a", (0.8, 0.8))], (1000, 1): [("b", (0.6, 0.6))]}
    held_out = {
        (1000, 0): [("h", (0.2, 0.4)), ("i", (1.0, 1.0))],
        (1000, 1): [("h", (0.4, 0.6)), ("i", (1.0, 1.0))],
    }
    comparison = compare(contender("A", dice, held_out=held_out))
    (network,) = comparison.networks
    assert network.held_out.metrics["dice"].per_class[0].mean == pytest.approx((0.3 + 1) / 2)
    assert network.held_out.metrics["dice"].overall.mean == pytest.approx((0.4 + 1) / 2)
    assert network.held_out.total.num_values == 8
    assert patient_means(network, "dice", held_out=True) == pytest.approx({"h": 0.4, "i": 1.0})
    assert network.validation.metrics["dice"].overall.mean == pytest.approx(0.7)
    assert (comparison.num_patients, comparison.num_held_out) == (2, 2)


def test_only_initialisations_that_all_completed_count(compare, contender, drawn):
    more = drawn(1, num_initialisations=3)
    fewer = {place: each for place, each in drawn(2).items() if place != (1002, 1)}
    comparison = compare(contender("A", more), contender("B", fewer, kernel=5))
    assert comparison.num_initialisations == 2
    assert all(len(network.trainings) == 4 for network in comparison.networks)
    mean = comparison.networks[0].validation.metrics["dice"].overall.mean
    assert mean == pytest.approx(as_array(more)[:2].mean())


def test_a_failed_training_leaves_its_network_out_of_the_tests(compare, contender, drawn):
    comparison = compare(
        contender("A", drawn(1)),
        contender("B", drawn(2), failed=frozenset({(1001, 1)}), kernel=5),
        contender("C", drawn(3, shift=-0.3), kernel=7),
    )
    failed = comparison.networks[1]
    assert (failed.error, failed.search_score.mean) == ("The loss was not finite.", None)
    assert (failed.validation, failed.held_out) == (None, None)
    assert comparison.tested == (0, 2)
    assert comparison.friedman is None
    assert comparison.critical_difference is None
    for (pair,) in (comparison.block_pairs, comparison.differences):
        assert (pair.first, pair.second) == (0, 1)
    (claim,) = comparison.claims
    assert "A" in claim
    assert "C" in claim


def test_the_papers_tests_are_over_initialisations_and_folds(compare, contender, drawn):
    found = [drawn(1), drawn(2, shift=-0.2), drawn(3, shift=-0.1)]
    comparison = compare(
        *(
            contender(name, dice, kernel=k)
            for name, dice, k in zip("ABC", found, (3, 5, 7), strict=True)
        )
    )
    scores_BN = np.array(
        [[np.mean([v for _, v in dice[place]]) for dice in found] for place in sorted(found[0])]
    )
    assert np.array(comparison.blocks) == pytest.approx(scores_BN)
    assert comparison.block_pairs == compare_all(scores_BN)
    expected = stats.friedmanchisquare(*-scores_BN.T)
    assert comparison.friedman.chi2 == pytest.approx(expected.statistic)
    assert comparison.friedman.num_blocks == 6
    assert comparison.critical_difference == pytest.approx(2.3437 * np.sqrt(12 / 36), abs=1e-3)
    assert "The 6 blocks of the paper's tests are not independent" in comparison.cautions[1]


def test_conclusions_are_over_patients_for_any_number_of_initialisations(compare, contender, drawn):
    found = [drawn(1), drawn(2, shift=-0.2), drawn(3, shift=-0.1)]
    comparison = compare(
        *(
            contender(name, dice, kernel=k)
            for name, dice, k in zip("ABC", found, (3, 5, 7), strict=True)
        )
    )
    values_PN = np.stack([as_array(dice).mean(axis=(0, 2)) for dice in found], axis=1)
    for each, (first, second) in zip(comparison.differences, ((0, 1), (0, 2), (1, 2)), strict=True):
        differences_P = values_PN[:, first] - values_PN[:, second]
        expected = stats.permutation_test(
            (differences_P,), np.mean, permutation_type="samples", n_resamples=np.inf
        )
        assert (each.first, each.second, each.num_patients) == (first, second, 6)
        assert each.mean == pytest.approx(differences_P.mean())
        assert each.p == pytest.approx(expected.pvalue)
        assert each.p_adjusted == pytest.approx(min(1, 3 * expected.pvalue))
    assert len(comparison.claims) == 3


def test_one_initialisation_can_conclude(compare, contender):
    """As nnU-Net's: the paper's test over two blocks could not, whatever the Dice."""
    dice = {(1000, fold): [(f"p{5 * fold + n}", (0.7, 0.8)) for n in range(5)] for fold in range(2)}
    better = {
        place: [(patient, (0.75 + n / 100, 0.8)) for n, (patient, _) in enumerate(volumes)]
        for place, volumes in dice.items()
    }
    comparison = compare(contender("nnU-Net 2D", dice), contender("Best found", better, kernel=5))
    (claim,) = comparison.claims
    assert claim.startswith("Best found is better than nnU-Net 2D: +0.0350 Dice")
    assert claim.endswith("p = 0.002; 10 patients).")
    assert comparison.block_pairs[0].paired.p == 0.5
    assert "from 1 initialisation: another training" in comparison.cautions[0]


def test_held_out_patients_decide_if_there_are_any(compare, contender, drawn):
    """The folds favour A and held-out patients B: B is better."""
    patients = [f"h{n}" for n in range(7)]
    held_out = {
        name: {
            place: [(patient, (dice + n / 100,) * 2) for n, patient in enumerate(patients)]
            for place in drawn(1)
        }
        for name, dice in (("A", 0.5), ("B", 0.6))
    }
    comparison = compare(
        contender("A", drawn(1), held_out=held_out["A"]),
        contender("B", drawn(1, shift=-0.3), held_out=held_out["B"], kernel=5),
    )
    (difference,) = comparison.differences
    assert (difference.verdict, difference.num_patients) == ("second", 7)
    assert difference.mean == pytest.approx(-0.1)
    assert (difference.interval.low, difference.interval.high) == pytest.approx((-0.1, -0.1))
    assert comparison.deciding(comparison.networks[1]) == comparison.networks[1].held_out
    assert comparison.claims[0].startswith("B is better than A: +0.1000 Dice")


def test_optimism_states_the_search_score_and_the_fresh_score(compare, contender, drawn):
    assert "0.9000 Dice in the search" in compare(contender("A", drawn(1))).optimism
    assert "0.5600 from fresh initialisations" in compare(contender("A", drawn(1))).optimism
    assert compare(contender("A", drawn(1)), search_score=None).optimism is None
