"""Where a study stands, computed from its ledger alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mbnas.genotype.genotype import Genotype
from mbnas.study.ledger import EvaluationRecord, Ledger
from mbnas.training.record import TrainingRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One network the search asked for, and its trainings so far.

    Attributes:
        record: As the ledger keeps it.
        trainings: Those that make its score, by initialisation, then fold.
        num_trainings: How many make its score once all are done.
        parameters: Of the network, ``None`` while unknown.
        macs: Multiply-accumulates for one slice, ``None`` while unknown.
    """

    record: EvaluationRecord
    trainings: tuple[TrainingRecord, ...]
    num_trainings: int
    parameters: int | None
    macs: int | None

    @property
    def genotype(self) -> Genotype:
        """The network."""
        return self.record.genotype

    @property
    def complete(self) -> bool:
        """Whether all trainings ended, well or not."""
        return len(self.trainings) == self.num_trainings

    @property
    def score(self) -> float | None:
        """Mean over the trainings; ``None`` while some are missing or if one failed."""
        scores = [each.score for each in self.trainings if each.score is not None]
        return math.fsum(scores) / len(scores) if len(scores) == self.num_trainings else None


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
    def num_failed(self) -> int:
        """Trainings that ended with an error."""
        return sum(record.error is not None for record in self.trainings)

    @property
    def num_collapsed(self) -> int:
        """Trainings that never predicted one of the classes in a scored epoch."""
        return sum(bool(record.collapsed) for record in self.trainings)

    @property
    def num_repeated(self) -> int:
        """Trainings that collapsed at first and were repeated."""
        return sum(record.attempts > 1 for record in self.trainings)


def read_standing(ledger: Ledger, *, folds: int, initialisations: int) -> Standing:
    """Return where the search in a ledger stands.

    Args:
        ledger: Open, for reading at least.
        folds: Of the study's protocol.
        initialisations: Of the study's protocol.
    """
    facts, networks = ledger.facts(), ledger.networks()
    by_network: dict[str, list[TrainingRecord]] = {}
    for record in ledger.trainings(protocol=facts["protocol"]):
        if record.key.initialisation < initialisations:
            by_network.setdefault(record.key.network, []).append(record)
    return Standing(
        budget=int(facts["budget"]),
        state=facts["state"],
        evaluations=tuple(
            Evaluation(
                record=record,
                trainings=tuple(
                    sorted(
                        by_network.get(record.network, ()),
                        key=lambda each: (each.key.initialisation, each.key.fold),
                    )
                ),
                num_trainings=folds * initialisations,
                parameters=networks[record.network].parameters,
                macs=networks[record.network].macs,
            )
            for record in ledger.evaluations()
        ),
    )
