"""Which network a study stands for, from what its ledger holds.

Held-out patients decide if there are any, otherwise those of the folds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mbnas.results.choice.chosen_network import ChosenNetwork, ConfirmedNetwork
from mbnas.results.choice.fresh_comparison import fresh_comparison
from mbnas.results.metric_summaries import overall_means, patient_values
from mbnas.scoring.superiority import Superiority
from mbnas.search.decision import Decision, DecisionRule, decide
from mbnas.space.cost_limits import CostName
from mbnas.space.genotype import Genotype
from mbnas.study.configuration import Configuration
from mbnas.study.ledger.facts import HELD_OUT, Facts
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.snapshot import NetworkRecord, Snapshot
from mbnas.study.progress.confirmation_record import ConfirmationRecord, confirmation_in
from mbnas.study.progress.search_status import SearchStatus
from mbnas.study.progress.status_summary import StatusSummary
from mbnas.training.training_record import TrainingRecord


def chosen_network(
    snapshot: Snapshot, status: SearchStatus, configuration: Configuration
) -> ChosenNetwork | None:
    """Return the network that a study stands for, ``None`` if no network has a score.

    Args:
        snapshot: Of the study's ledger, with its fresh trainings.
        status: Of its search.
        configuration: Of the study.
    """
    return _chosen(
        _Confirmation(
            facts=snapshot.facts,
            networks=snapshot.networks,
            numbers={each.record.network: each.record.number for each in status.evaluations},
            trainings=tuple(each for each in snapshot.fresh if each.key.is_confirming),
        ),
        configuration,
        best=None if status.best is None else status.best.record.network,
        num_scored=len(status.complete),
        score_of={each.record.network: each.score for each in status.evaluations}.get,
    )


def read_chosen_network(
    ledger: Ledger, summary: StatusSummary, configuration: Configuration
) -> ChosenNetwork | None:
    """Return the network that a study stands for, without reading every training of its search.

    Args:
        ledger: Of the study, open for reading at least.
        summary: Of its search.
        configuration: Of the study.
    """
    best = summary.best

    def score_of(network: str) -> float | None:
        if best is not None and network == best.genotype.digest:
            return best.score
        return ledger.search_score(network)

    return _chosen(
        _Confirmation(
            facts=ledger.facts(),
            networks=ledger.networks(),
            numbers={each.network: each.number for each in ledger.evaluations()},
            trainings=ledger.confirming(),
        ),
        configuration,
        best=None if best is None else best.genotype.digest,
        num_scored=summary.counts.complete,
        score_of=score_of,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Confirmation:
    """What a ledger holds about a confirmation.

    Attributes:
        facts: About the study.
        networks: By digest.
        numbers: Of their evaluations, by digest.
        trainings: Those of confirmations, with their volumes.
    """

    facts: Facts
    networks: Mapping[str, NetworkRecord]
    numbers: Mapping[str, int]
    trainings: Sequence[TrainingRecord]


def _chosen(
    held: _Confirmation,
    configuration: Configuration,
    *,
    best: str | None,
    num_scored: int,
    score_of: Callable[[str], float | None],
) -> ChosenNetwork | None:
    search = configuration.search
    rule = DecisionRule(probability=search.probability, margin=search.margin)
    cost = search.costs[0] if search.costs else None
    record = confirmation_in(held.facts)
    decision: Decision[str] | None = None
    confirmed: tuple[ConfirmedNetwork, ...] = ()
    num_held_out = len(json.loads(held.facts[HELD_OUT])) if HELD_OUT in held.facts else 0
    if record is not None and record.is_finished:
        decision, confirmed = _decided(held, record, rule, cost, held_out=num_held_out > 0)
    is_decided = decision is not None and decision.ground != "nothing confirmed"
    digest = decision.chosen if decision is not None and is_decided else best
    if digest is None:
        return None
    network = held.networks[digest]
    assert isinstance(network.architecture, Genotype)
    reference = configuration.reference
    reference_number = held.numbers.get(reference.digest)
    return ChosenNetwork(
        genotype=network.architecture,
        number=held.numbers.get(digest),
        reference=reference,
        reference_number=reference_number,
        reference_score=None if reference_number is None else score_of(reference.digest),
        reference_costs=_counts(held.networks.get(reference.digest)),
        num_scored=num_scored,
        score=score_of(digest),
        parameters=network.parameters,
        macs=network.macs,
        cost=cost,
        rule=rule,
        decision=decision,
        confirmed=confirmed,
        num_held_out=num_held_out,
        by_model=search.is_stepwise,
    )


def _counts(network: NetworkRecord | None) -> tuple[int | None, int | None]:
    return (None, None) if network is None else (network.parameters, network.macs)


def _decided(
    held: _Confirmation,
    record: ConfirmationRecord,
    rule: DecisionRule,
    cost: CostName | None,
    *,
    held_out: bool,
) -> tuple[Decision[str], tuple[ConfirmedNetwork, ...]]:
    """Return the decision after a finished confirmation, and the networks that took part."""
    trainings: dict[str, list[TrainingRecord]] = {}
    for each in held.trainings:
        if each.key.protocol == held.facts["protocol"]:
            trainings.setdefault(each.key.network, []).append(each)
    num_folds = held.facts.num_folds or 0
    complete = {network: _complete(of_it, num_folds) for network, of_it in trainings.items()}
    theirs = complete.get(record.reference, [])
    found: dict[str, Superiority | None] = {
        digest: fresh_comparison(complete.get(digest, []), theirs)
        for digest in (*record.candidates, *record.others)
    }
    candidates = {
        digest: known for digest in record.candidates if (known := found[digest]) is not None
    }
    decision = decide(record.reference, candidates, rule, _costs(held, record, cost))
    confirmed = tuple(
        ConfirmedNetwork(
            record=held.networks[digest],
            number=held.numbers.get(digest),
            num_trainings=len(complete.get(digest, [])),
            dice=_mean_dice(complete.get(digest, []), held_out=held_out),
            superiority=found.get(digest),
            better=decision.better.get(digest),
        )
        for digest in (*record.candidates, record.reference, *record.others)
    )
    return decision, confirmed


def _costs(
    held: _Confirmation, record: ConfirmationRecord, cost: CostName | None
) -> dict[str, float] | None:
    """Return what the reference and the candidates cost; ``None`` if it does not count."""
    if cost is None:
        return None
    found = {
        digest: held.networks[digest].cost(cost)
        for digest in (record.reference, *record.candidates)
    }
    known = {digest: each for digest, each in found.items() if each is not None}
    return known if len(known) == len(found) else None


def _complete(trainings: Sequence[TrainingRecord], num_folds: int) -> list[TrainingRecord]:
    """Return the trainings of the initialisations of which every fold has a score."""
    scored = [each for each in trainings if each.score is not None]
    of = [each.key.initialisation for each in scored]
    return [each for each in scored if of.count(each.key.initialisation) == num_folds]


def _mean_dice(trainings: Sequence[TrainingRecord], *, held_out: bool) -> float | None:
    if not trainings:
        return None
    _, values_IPK = patient_values(trainings, "dice", held_out=held_out)
    means_I = overall_means(values_IPK)
    return None if not means_I.size or np.isnan(means_I).any() else float(means_I.mean())
