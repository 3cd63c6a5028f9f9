"""Where a study stands, computed from its ledger alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, product

from mbnas.genotype.genotype import Genotype
from mbnas.study.configuration import Configuration
from mbnas.study.judgement import Judge, Judgement
from mbnas.study.ledger import Ledger
from mbnas.study.snapshot import EvaluationRecord, Snapshot
from mbnas.training.record import Outcome, TrainingRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One network the search asked for, and its trainings so far.

    Attributes:
        record: As the ledger keeps it.
        trainings: Those that make its score, by initialisation, then fold; without their epochs.
        num_trainings: How many make its score once all are done.
        judgement: What they say of it.
        parameters: Of the network, ``None`` while unknown.
        macs: Multiply-accumulates for one slice, ``None`` while unknown.
    """

    record: EvaluationRecord
    trainings: tuple[TrainingRecord, ...]
    num_trainings: int
    judgement: Judgement
    parameters: int | None
    macs: int | None

    @property
    def genotype(self) -> Genotype:
        """The network."""
        return self.record.genotype

    @property
    def complete(self) -> bool:
        """Whether the search needs none of its trainings any more."""
        return self.judgement.score is not None

    @property
    def dropped_after(self) -> int | None:
        """After how many trainings it was dropped in a race; ``None`` if it was not."""
        return self.judgement.dropped_after

    @property
    def score(self) -> float | None:
        """Mean over the trainings; ``None`` while some are missing, if one failed or it dropped."""
        return None if self.dropped_after else self.told

    @property
    def told(self) -> float | None:
        """What the search was told of it: its score, or what that was expected to be."""
        score = self.judgement.score
        return score if score is not None and math.isfinite(score) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A search at one moment.

    Attributes:
        budget: Distinct networks it may evaluate.
        state: ``running``, ``finished`` or ``stopped``, as its driver last wrote.
        evaluations: Every network asked for, in order.
    """

    budget: int
    state: str
    evaluations: tuple[Evaluation, ...]

    @property
    def complete(self) -> tuple[Evaluation, ...]:
        """The evaluations whose trainings have all ended."""
        return tuple(each for each in self.evaluations if each.complete)

    @property
    def best(self) -> Evaluation | None:
        """The evaluation of the highest score, the first of equals."""
        scored = [each for each in self.evaluations if each.score is not None]
        return max(scored, key=lambda each: each.score or 0.0, default=None)

    @property
    def trainings(self) -> tuple[TrainingRecord, ...]:
        """All trainings of all evaluations."""
        return tuple(record for each in self.evaluations for record in each.trainings)

    @property
    def num_dropped(self) -> int:
        """Networks that racing dropped before all of their trainings were done."""
        return sum(each.dropped_after is not None for each in self.evaluations)

    @property
    def num_failed(self) -> int:
        """Trainings that ended with an error."""
        return sum(record.error is not None for record in self.trainings)

    @property
    def num_collapsed(self) -> int:
        """Trainings that collapsed (:mod:`mbnas.training.collapse`)."""
        return sum(bool(record.collapsed) for record in self.trainings)

    @property
    def num_unpredicted(self) -> int:
        """Trainings that predicted a class of their validation patients in no scored epoch."""
        return sum(bool(record.unpredicted) for record in self.trainings)

    @property
    def num_absent(self) -> int:
        """Trainings whose training patients lack one of the classes."""
        return sum(bool(record.absent) for record in self.trainings)

    @property
    def num_repeated(self) -> int:
        """Trainings that collapsed at first and were repeated."""
        return sum(record.attempts > 1 for record in self.trainings)


def in_batches(evaluations: Iterable[EvaluationRecord]) -> Iterator[list[EvaluationRecord]]:
    """Yield the evaluations that a searcher asked for together, batch after batch.

    Where a ledger does not know its batches, those in a row are taken for one that have the
    same incumbent and reason.
    """

    def batch(record: EvaluationRecord) -> tuple[object, ...]:
        return record.batch, record.incumbent, record.why

    for _, group in groupby(evaluations, key=batch):
        yield list(group)


def read_standing(ledger: Ledger, configuration: Configuration) -> Standing:
    """Return where the search in a ledger stands.

    Args:
        ledger: Open, for reading at least.
        configuration: Of its study.
    """
    return standing_in(ledger.read(), configuration)


def standing_in(snapshot: Snapshot, configuration: Configuration) -> Standing:
    """Return where a search stands.

    Args:
        snapshot: Of its ledger.
        configuration: Of its study.
    """
    facts, networks = snapshot.facts, snapshot.networks
    protocol, digest = configuration.protocol, facts["protocol"]
    by_network: dict[str, dict[tuple[int, int], TrainingRecord]] = {}
    for record in snapshot.trainings:
        if record.key.protocol == digest and record.key.initialisation < protocol.initialisations:
            place = record.key.initialisation, record.key.fold
            by_network.setdefault(record.key.network, {})[place] = record
    cells = list(product(range(protocol.initialisations), range(protocol.folds)))

    def outcomes(network: str) -> list[Outcome | None]:
        trainings = map(by_network.get(network, {}).get, cells)
        return [
            None if each is None else Outcome(score=each.score, wall_s=each.wall_s)
            for each in trainings
        ]

    judge = Judge(num_folds=protocol.folds, threshold=configuration.search.dropped_below)
    evaluations: list[Evaluation] = []
    for batch in in_batches(snapshot.evaluations):
        judgements = [
            judge.judge(
                outcomes(record.network),
                None if record.incumbent is None else outcomes(record.incumbent.digest),
            )
            for record in batch
        ]
        judge.learn(judgements)
        evaluations += [
            Evaluation(
                record=record,
                trainings=tuple(
                    training for _, training in sorted(by_network.get(record.network, {}).items())
                ),
                num_trainings=len(cells),
                judgement=judgement,
                parameters=networks[record.network].parameters,
                macs=networks[record.network].macs,
            )
            for record, judgement in zip(batch, judgements, strict=True)
        ]
    return Standing(
        budget=int(facts["budget"]), state=facts["state"], evaluations=tuple(evaluations)
    )
