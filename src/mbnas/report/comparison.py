"""What a comparison of networks says, as one value: measures, intervals, tests, words.

Networks are compared on fresh initialisations, which no search has seen. Tables, figures
and the page only read what is worked out here.

Shape suffixes: B blocks (one initialisation on one fold), N networks, P patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mbnas.report.compared import ComparedNetwork, compared_network, patient_means
from mbnas.report.measures import LOWER_IS_BETTER, Metric
from mbnas.scoring.claims import (
    ALPHA,
    caution_folds,
    claim_friedman,
    claim_optimism,
    claim_pair,
)
from mbnas.scoring.intervals import Interval, bootstrap_mean
from mbnas.scoring.pairs import Comparison as Pair
from mbnas.scoring.pairs import compare_all
from mbnas.scoring.ranks import Friedman, critical_difference, friedman
from mbnas.seeds import generator
from mbnas.study.contenders import Contender


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Networks on fresh initialisations, and what the differences between them are worth.

    Attributes:
        class_names: Of the foreground classes.
        networks: In the order of the comparison, the best found first.
        num_initialisations: That all of them were trained from.
        num_folds: Of the cross-validation.
        num_patients: In the folds.
        num_held_out: Patients in no fold.
        slice_size: Side of a slice in pixels, for which ``macs`` holds.
        tested: Numbers of the networks that the tests compare: those without a failure.
        blocks: What they compare: a tuple a block, the Dice of each tested network in it.
        friedman: Whether they differ at all; ``None`` where that is not defined.
        pairs: Every two of them; numbers refer to ``tested``.
        pair_intervals: Of each pair, for the mean over patients of first minus second.
        critical_difference: Of average ranks, after Nemenyi; ``None`` without ``friedman``.
        claims: One sentence a claim.
        caution: Why to read the p-values as optimistic.
        optimism: What the search saw for its best network beside the fresh score, in words.
    """

    class_names: tuple[str, ...]
    networks: tuple[ComparedNetwork, ...]
    num_initialisations: int
    num_folds: int
    num_patients: int
    num_held_out: int
    slice_size: int
    tested: tuple[int, ...]
    blocks: tuple[tuple[float, ...], ...]
    friedman: Friedman | None
    pairs: tuple[Pair, ...]
    pair_intervals: tuple[Interval | None, ...]
    critical_difference: float | None
    claims: tuple[str, ...]
    caution: str
    optimism: str | None

    def best_of(self, metric: Metric, *, held_out: bool = False) -> ComparedNetwork | None:
        """Return the network of the best mean, the first of equals."""
        scored = [
            (measures.metrics[metric].overall.mean, network)
            for network in self.networks
            if (measures := network.held_out if held_out else network.validation) is not None
        ]
        defined = [(mean, network) for mean, network in scored if mean is not None]
        choose = min if metric in LOWER_IS_BETTER else max
        return choose(defined, key=lambda each: each[0])[1] if defined else None


def compare_contenders(
    contenders: Sequence[Contender],
    *,
    class_names: tuple[str, ...],
    num_folds: int,
    slice_size: int,
    searched: float | None,
    num_searched: int,
    seed: int,
) -> Comparison:
    """Return what networks trained anew say of one another.

    Only initialisations that all of them were trained from on every fold count.

    Args:
        contenders: One or more, the best found first.
        class_names: Of the foreground classes.
        num_folds: Of the protocol.
        slice_size: Side of a slice in pixels.
        searched: The score that the search saw for the first contender; ``None`` if that is
            not the best it found.
        num_searched: Networks that the search chose from.
        seed: The study's, for the bootstrap.
    """
    common = _common_initialisations(contenders, num_folds)
    networks = tuple(compared_network(each, common, seed) for each in contenders)
    tested = tuple(number for number, each in enumerate(networks) if each.validation is not None)
    finalists = [networks[number] for number in tested]
    scores_BN = _blocks(finalists)
    is_testable = len(tested) > 1 and len(scores_BN) > 0
    pairs = compare_all(scores_BN) if is_testable else ()
    result = friedman(scores_BN) if is_testable else None
    intervals = tuple(
        _interval_of_difference(finalists[pair.first], finalists[pair.second], seed)
        for pair in pairs
    )
    claims = [claim_friedman(result)] if len(tested) > 2 and is_testable else []
    claims += [
        claim_pair(pair, finalists[pair.first].name, finalists[pair.second].name, interval=interval)
        for pair, interval in zip(pairs, intervals, strict=True)
    ]
    fresh = networks[0].score.mean if networks else None
    return Comparison(
        class_names=class_names,
        networks=networks,
        num_initialisations=len(common),
        num_folds=num_folds,
        num_patients=_num_patients(networks, held_out=False),
        num_held_out=_num_patients(networks, held_out=True),
        slice_size=slice_size,
        tested=tested,
        blocks=tuple(map(tuple, scores_BN.tolist())),
        friedman=result,
        pairs=pairs,
        pair_intervals=intervals,
        critical_difference=(
            critical_difference(len(tested), len(scores_BN), alpha=ALPHA) if result else None
        ),
        claims=tuple(claims),
        caution=caution_folds(num_folds, len(common)),
        optimism=(
            claim_optimism(searched, fresh, num_networks=num_searched)
            if searched is not None and fresh is not None
            else None
        ),
    )


def _common_initialisations(contenders: Sequence[Contender], num_folds: int) -> tuple[int, ...]:
    """Return the initialisations from which every network was trained on every fold."""
    complete = []
    for contender in contenders:
        trained = [record.key.initialisation for record in contender.trainings]
        complete.append({each for each in trained if trained.count(each) == num_folds})
    return tuple(sorted(set.intersection(*complete))) if complete else ()


def _blocks(networks: Sequence[ComparedNetwork]) -> Float[np.ndarray, "B N"]:
    """Return the Dice of every block in which all networks have one."""
    blocks = zip(*(each.dice for each in networks), strict=True)
    defined = [block for block in blocks if None not in block]
    return np.array(defined, dtype=np.float64).reshape(len(defined), len(networks))


def _num_patients(networks: Sequence[ComparedNetwork], *, held_out: bool) -> int:
    return len(
        {
            volume.patient
            for network in networks
            for record in network.trainings
            for volume in record.volumes
            if volume.held_out == held_out
        }
    )


def _interval_of_difference(
    first: ComparedNetwork, second: ComparedNetwork, seed: int
) -> Interval | None:
    """Return the interval over patients of the first's Dice minus the second's."""
    one, other = patient_means(first, "dice"), patient_means(second, "dice")
    differences_P = np.array([one[each] - other[each] for each in one if each in other])
    if not differences_P.size:
        return None
    return bootstrap_mean(differences_P, rng=generator(seed, "bootstrap"))
