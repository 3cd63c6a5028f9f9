"""A comparison of networks as one value: metrics, intervals, tests and conclusions.

Networks are compared on fresh initialisations, which no search has seen. Tables, figures
and the page only show what is computed here.

The patient is the unit of every conclusion (`mbnas.scoring.differences`): held-out patients if
there are any, otherwise those of the folds. The paper's own tests are over blocks, each one
initialisation on one fold, and conclude nothing.

Shape suffixes: B blocks, N networks, P patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mbnas.data.images.geometry import Unit
from mbnas.results.choice.chosen_network import ChosenNetwork
from mbnas.results.compared_network import ComparedNetwork, compared_network, patient_means
from mbnas.results.metric_summaries import MetricSummaries
from mbnas.scoring.claims import (
    basis,
    caution_blocks,
    caution_training,
    claim_optimism,
    claim_pair,
)
from mbnas.scoring.differences import ALPHA, Difference, compare_networks
from mbnas.scoring.paired_tests import PairedTest, compare_all
from mbnas.scoring.rank_tests import Friedman, critical_difference, friedman
from mbnas.seeds import generator
from mbnas.study.configuration import Configuration
from mbnas.study.progress.contenders import Contender
from mbnas.study.progress.search_status import SearchStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Networks on fresh initialisations, and tests of the differences between them.

    Attributes:
        class_names: Of the foreground classes.
        networks: In the order of the comparison, the best found first.
        num_initialisations: Those that all networks were trained from.
        num_folds: Of the cross-validation.
        num_patients: In the folds.
        num_held_out: Patients in no fold.
        slice_size: Side of a slice or patch in pixels, to which ``macs`` refers.
        unit: Of HD95 and of the tolerance of surface Dice.
        tested: Numbers of the networks that are compared pairwise: those without a failed training.
        differences: Of every two of them, over patients; numbers refer to ``tested``.
        blocks: What the paper's tests compare: for each block, the Dice of every tested network.
        friedman: The paper's test over blocks; ``None`` where it is not defined.
        block_pairs: The paper's test of every two networks over blocks; numbers refer to
            ``tested``.
        critical_difference: Of average ranks over blocks, after Nemenyi; ``None`` without
            ``friedman``.
        optimism: The search score of the best network found next to the same score from fresh
            trainings, as a sentence.
    """

    class_names: tuple[str, ...]
    networks: tuple[ComparedNetwork, ...]
    num_initialisations: int
    num_folds: int
    num_patients: int
    num_held_out: int
    slice_size: int
    unit: Unit = "mm"
    tested: tuple[int, ...]
    differences: tuple[Difference, ...]
    blocks: tuple[tuple[float, ...], ...]
    friedman: Friedman | None
    block_pairs: tuple[PairedTest, ...]
    critical_difference: float | None
    optimism: str | None

    @property
    def is_held_out(self) -> bool:
        """Whether held-out patients decide, rather than those of the folds."""
        return self.num_held_out > 0

    @property
    def tested_names(self) -> tuple[str, ...]:
        """Names of the networks that are compared pairwise."""
        return tuple(self.networks[number].name for number in self.tested)

    @property
    def claims(self) -> tuple[str, ...]:
        """What each of ``differences`` shows, one sentence each."""
        names = self.tested_names
        return tuple(
            claim_pair(each, names[each.first], names[each.second]) for each in self.differences
        )

    @property
    def basis(self) -> str:
        """On which patients networks are compared, as a sentence."""
        return basis(self.num_held_out, self.num_patients)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What the intervals do not cover, and why the paper's tests conclude nothing."""
        return (
            caution_training(self.num_initialisations),
            *([caution_blocks(len(self.blocks), self.num_folds)] if self.blocks else []),
        )

    def deciding(self, network: ComparedNetwork) -> MetricSummaries | None:
        """Return a network's metrics on the patients who decide; ``None`` if it has none."""
        return network.held_out if self.is_held_out else network.validation


def compare_contenders(
    contenders: Sequence[Contender],
    *,
    class_names: tuple[str, ...],
    num_folds: int,
    slice_size: int,
    seed: int,
    unit: Unit = "mm",
    search_score: float | None = None,
    num_evaluated: int = 0,
) -> Comparison:
    """Return the comparison of networks that were trained again on new initialisations.

    Only initialisations that all networks were trained from on every fold count.

    Args:
        contenders: One or more, the best found first.
        class_names: Of the foreground classes.
        num_folds: Of the cross-validation.
        slice_size: Side of a slice in pixels.
        seed: The study's, for the bootstrap.
        unit: What lengths are measured in.
        search_score: Of the first contender if it is the best network that a search found;
            ``None`` if not.
        num_evaluated: Networks that this search chose from.
    """
    common = _common_initialisations(contenders, num_folds)
    networks = tuple(compared_network(each, common, seed) for each in contenders)
    tested = tuple(number for number, each in enumerate(networks) if each.validation is not None)
    finalists = [networks[number] for number in tested]
    num_held_out = _num_patients(networks, held_out=True)
    values_PN = _patient_values(finalists, held_out=num_held_out > 0)
    scores_BN = _blocks(finalists)
    is_testable = len(tested) > 1 and len(scores_BN) > 0
    result = friedman(scores_BN) if is_testable else None
    fresh = networks[0].search_score.mean if networks else None
    return Comparison(
        class_names=class_names,
        networks=networks,
        num_initialisations=len(common),
        num_folds=num_folds,
        num_patients=_num_patients(networks, held_out=False),
        num_held_out=num_held_out,
        slice_size=slice_size,
        unit=unit,
        tested=tested,
        differences=compare_networks(values_PN, rng=generator(seed, "sign flips")),
        blocks=tuple(map(tuple, scores_BN.tolist())),
        friedman=result,
        block_pairs=compare_all(scores_BN) if is_testable else (),
        critical_difference=(
            critical_difference(len(tested), len(scores_BN), alpha=ALPHA) if result else None
        ),
        optimism=(
            claim_optimism(search_score, fresh, num_networks=num_evaluated)
            if search_score is not None and fresh is not None
            else None
        ),
    )


def compare_in_study(
    contenders: Sequence[Contender],
    configuration: Configuration,
    *,
    class_names: tuple[str, ...],
    unit: Unit = "mm",
    search: SearchStatus | None = None,
    chosen: ChosenNetwork | None = None,
) -> Comparison:
    """Return the comparison of networks that a study trained again on new initialisations.

    Args:
        contenders: One or more, the best found first.
        configuration: Of the study.
        class_names: Of the foreground classes.
        unit: What lengths are measured in.
        search: Status of the search that the contenders are compared after, if it was a single one.
        chosen: The network that the search stands for.
    """
    best = None if search is None else search.best
    is_best = (
        best is not None and chosen is not None and chosen.genotype == best.genotype
    ) and contenders[0].architecture == best.genotype
    return compare_contenders(
        contenders,
        class_names=class_names,
        num_folds=configuration.protocol.folds,
        slice_size=configuration.preparation.input_size,
        seed=configuration.seed,
        unit=unit,
        search_score=best.score if best is not None and is_best else None,
        num_evaluated=0 if search is None else len(search.complete),
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


def _patient_values(
    networks: Sequence[ComparedNetwork], *, held_out: bool
) -> Float[np.ndarray, "P N"]:
    """Return the Dice of every patient and network; nan where it is not defined."""
    values = [patient_means(each, "dice", held_out=held_out) for each in networks]
    patients = sorted(set().union(*values))
    return np.array(
        [[each.get(patient, np.nan) for each in values] for patient in patients], dtype=np.float64
    ).reshape(len(patients), len(networks))
