"""The confirmation at the end of a search: its leaders and the reference on fresh initialisations.

The leaders are in the ledger before they are trained, because the last digits of an estimate may
differ on another machine. Everything after that follows from recorded scores, so a confirmation
that was stopped continues as if it had not been. Where time is limited, as many leaders take part
as it suffices for, and none whose trainings take too long for it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

from mbnas.network.architecture import Architecture
from mbnas.search.bayesian.estimates import Estimate
from mbnas.search.confirmation import (
    MOST_LEADERS,
    ConfirmationRound,
    fewest,
    num_worthwhile,
    sequential_halving,
)
from mbnas.space.genotype import Genotype
from mbnas.study.drive.dispatcher import FindTraining
from mbnas.study.drive.evaluation_request import Progress, Watch
from mbnas.study.drive.time_limit import TimeLimit
from mbnas.study.ledger.facts import CONFIRMATION
from mbnas.study.open_study import OpenStudy
from mbnas.study.pool.worker_pool import WorkerPool
from mbnas.study.progress.confirmation_record import ConfirmationRecord, confirmation_in
from mbnas.study.progress.leaders import front_of, network_estimates
from mbnas.training.training_record import FIRST_CONFIRMING

Rounds = Generator[ConfirmationRound[str], Sequence[float], object]


def confirm(
    study: OpenStudy,
    worker_pool: WorkerPool,
    *,
    limit: TimeLimit | None = None,
    watch: Watch | None = None,
    find_training: FindTraining | None = None,
) -> None:
    """Confirm the leaders of a study's search, or finish a confirmation that was stopped.

    Args:
        study: Held by this process; its search has ended.
        worker_pool: Where trainings run.
        limit: The time that is left, if it is limited.
        watch: Called at the start of each round and after each training.
        find_training: Finds trainings in the ledgers of other studies.
    """
    record = _begun_or_new(study, limit)
    if record.is_finished:
        return
    networks = {digest: each.architecture for digest, each in study.ledger.networks().items()}
    rounds = sequential_halving(record.leaders, record.protected, record.budget)
    record = replace(record, rounds=())
    asked = next(rounds, None)
    while asked is not None:
        record = record.begin_round(asked.networks, asked.initialisations)
        study.ledger.set_fact(CONFIRMATION, record.to_json())
        evaluator = study.evaluator(
            worker_pool,
            range(FIRST_CONFIRMING, FIRST_CONFIRMING + asked.initialisations),
            measured=True,
            find_training=find_training,
            one_by_one=True,
        )
        trained = [networks[digest] for digest in asked.networks]
        evaluator.train(trained, _noted(limit, watch))
        asked = _sent(rounds, [evaluator.score(each) for each in trained])
    study.ledger.set_fact(CONFIRMATION, replace(record, is_finished=True).to_json())


def _noted(limit: TimeLimit | None, watch: Watch | None) -> Watch | None:
    """Return a callback that also writes down the time spent."""
    if limit is None:
        return watch

    def note(progress: Progress) -> None:
        limit.note(progress.finished)
        if watch is not None:
            watch(progress)

    return note


def _sent(rounds: Rounds, scores: Sequence[float]) -> ConfirmationRound[str] | None:
    try:
        return rounds.send(scores)
    except StopIteration:
        return None


def _begun_or_new(study: OpenStudy, limit: TimeLimit | None) -> ConfirmationRecord:
    """Return the confirmation of the search as it is now, with all its networks in the ledger."""
    ledger, configuration = study.ledger, study.configuration
    snapshot = ledger.read()
    begun = confirmation_in(snapshot.facts)
    is_of_search = begun is not None and begun.num_proposals == len(snapshot.proposals)
    fixed: int | None = None  # how much may be confirmed, unless the time left decides
    if limit is None:
        fixed = configuration.search.num_confirming(configuration.protocol.initialisations)
    elif begun is not None and is_of_search and begun.rounds:
        fixed = begun.budget
    if begun is not None and is_of_search and begun.budget == fixed:
        return begun
    reference = configuration.reference
    others = configuration.confirmed_also
    for network in (reference, *others):
        study.costs.record(network)
    kept = tuple(dict.fromkeys((reference, *others)))
    found = network_estimates(snapshot.proposals, snapshot.of_protocol, configuration)

    def budget_for(networks: Sequence[Architecture]) -> int:
        if fixed is not None:
            return fixed
        assert limit is not None
        return limit.num_confirming((*kept, *networks))

    found = tuple(
        each
        for each in found
        if each.genotype not in kept and budget_for([each.genotype]) >= fewest(1, len(kept))
    )
    for number in range(min(MOST_LEADERS, len(found)), -1, -1):
        leaders, front = _leaders(study, found, reference, number)
        budget = budget_for([each.genotype for each in (*leaders, *front)])
        if number <= num_worthwhile(budget, num_protected=len(kept)):
            break
    while front and fewest(1, len(kept) + len(front)) > budget:
        front = front[:-1]
    record = ConfirmationRecord(
        num_proposals=len(snapshot.proposals),
        budget=budget,
        reference=reference.digest,
        others=tuple(dict.fromkeys(each.digest for each in others if each != reference)),
        front=tuple(each.genotype.digest for each in front),
        leaders=tuple(each.genotype.digest for each in leaders),
    )
    ledger.set_fact(CONFIRMATION, record.to_json())
    return record


def _leaders(
    study: OpenStudy, found: Sequence[Estimate], reference: Genotype, number: int
) -> tuple[Sequence[Estimate], Sequence[Estimate]]:
    """Return the leaders, or where costs count, the leader and the front.

    The front is of the most promising networks that are cheaper than the reference.
    """
    if not study.configuration.search.costs:
        return found[:number], ()
    cost = study.configuration.search.costs[0]

    def cost_of(genotype: Genotype) -> float:
        return study.costs(genotype, cost)

    front = front_of(found, cost_of)
    cheaper = [each for each in front[1:] if cost_of(each.genotype) < cost_of(reference)]
    return front[:1], cheaper[: max(1, number - 1)]
