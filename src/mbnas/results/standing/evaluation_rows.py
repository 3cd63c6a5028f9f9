"""Networks and trainings of a search as flat records: rows of CSV, JSON and data frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mbnas.results.standing.read_standing import Standing
from mbnas.study.ledger.snapshot import Snapshot
from mbnas.study.progress.knowledge.known_networks import KnownNetwork
from mbnas.study.progress.search_status import ScoredNetwork
from mbnas.training.training_record import TrainingRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A network that a search asked for.

    >>> Evaluation(number=1, genotype="0vgg3", digest="0f", why="start 1", score=0.81, trainings=4)
    ... # doctest: +ELLIPSIS
    Evaluation(number=1, genotype='0vgg3', digest='0f', why='start 1', score=0.81, ...)

    Attributes:
        number: Place in the order asked for, from 1.
        genotype: Text of the network.
        digest: Of the network, its key in the ledger.
        why: What the searcher was doing, such as ``node 3 level``.
        score: Mean over its trainings; ``None`` if some are missing, one failed or racing dropped
            it.
        dropped_after: After how many trainings racing dropped it; ``None`` if it did not.
        parameters: Number of weights; ``None`` while unknown.
        multiply_accumulates: For one slice; ``None`` while unknown.
        trainings: How many of its trainings have ended.
        score_standard_error: Of the score; ``None`` while it cannot be told.
        num_trainings: On how many trainings the score rests.
        estimate: Of its true score, from all networks together.
        estimate_sd: Standard deviation of the estimate.
        probability_best: That it is the best of the search's networks.
    """

    number: int
    genotype: str
    digest: str
    why: str
    score: float | None
    dropped_after: int | None = None
    parameters: int | None = None
    multiply_accumulates: int | None = None
    trainings: int
    score_standard_error: float | None = None
    num_trainings: int = 0
    estimate: float | None = None
    estimate_sd: float | None = None
    probability_best: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A training of a study: one network, one fold, one initialisation.

    >>> Training(
    ...     evaluation=1, digest="0f", network="0vgg3", fold=0, initialisation=0, score=0.8,
    ...     wall_s=60.0, worker="host:1", started_at="2026-01-01T00:00:00",
    ... ).fold
    0

    Attributes:
        evaluation: Number of the evaluation; ``None`` of a network that no search asked for.
        digest: Of the network, its key in the ledger.
        network: Text of the network.
        fold: Number of the fold, from 0.
        initialisation: Number of the initialisation, from 0; fresh ones are from 1000.
        score: Validation Dice; ``None`` if it failed.
        collapsed: Numbers of the classes of whose pixels in training slices it finds almost none.
        absent: Numbers of the classes that none of its training patients has.
        unpredicted: Numbers of the classes that it predicts in no scored epoch.
        attempts: How often it was started; more than once after a collapse.
        error: Why it failed; ``None`` if it did not.
        wall_s: How long it took, in seconds.
        worker: Where it ran.
        started_at: ISO 8601, in UTC.
        borrowed: Whether another study of the experiment ran it.
    """

    evaluation: int | None
    digest: str
    network: str | None
    fold: int
    initialisation: int
    score: float | None
    collapsed: tuple[int, ...] = ()
    absent: tuple[int, ...] = ()
    unpredicted: tuple[int, ...] = ()
    attempts: int = 1
    error: str | None = None
    wall_s: float
    worker: str
    started_at: str
    borrowed: bool = False


def evaluations_of(standing: Standing) -> tuple[Evaluation, ...]:
    """Return every network that a search asked for, in order."""
    known = standing.known.networks
    return tuple(
        evaluation_row(each, known[each.record.network]) for each in standing.status.evaluations
    )


def evaluation_row(network: ScoredNetwork, known: KnownNetwork) -> Evaluation:
    """Return the record of one network, and of what is known of its score."""
    return Evaluation(
        number=network.record.number,
        genotype=str(network.genotype),
        digest=network.record.network,
        why=network.record.why,
        score=network.score,
        dropped_after=network.dropped_after,
        parameters=network.parameters,
        multiply_accumulates=network.macs,
        trainings=len(network.trainings),
        score_standard_error=known.standard_error,
        num_trainings=known.num_trainings,
        estimate=known.estimate,
        estimate_sd=known.estimate_sd,
        probability_best=known.probability_best,
    )


def trainings_in(snapshot: Snapshot) -> tuple[Training, ...]:
    """Return all trainings of a ledger, in the order recorded."""
    numbers = {each.network: each.number for each in snapshot.evaluations}
    names = {digest: str(each.architecture) for digest, each in snapshot.networks.items()}
    return tuple(training_row(each, numbers, names) for each in snapshot.trainings)


def training_row(
    record: TrainingRecord, numbers: Mapping[str, int], names: Mapping[str, str]
) -> Training:
    """Return the record of one training.

    Args:
        record: As in the ledger.
        numbers: Number of each evaluation, by the network's digest.
        names: Text of each network, by digest.
    """
    key = record.key
    return Training(
        evaluation=numbers.get(key.network),
        digest=key.network,
        network=names.get(key.network),
        fold=key.fold,
        initialisation=key.initialisation,
        score=record.score,
        collapsed=record.collapsed,
        absent=record.absent,
        unpredicted=record.unpredicted,
        attempts=record.attempts,
        error=record.error,
        wall_s=record.wall_s,
        worker=record.worker,
        started_at=record.started_at,
        borrowed=record.borrowed,
    )
