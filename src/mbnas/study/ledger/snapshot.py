"""The records of a ledger, as values."""

from __future__ import annotations

from dataclasses import dataclass

from mbnas.network.architecture import Architecture
from mbnas.search.searcher import Proposal
from mbnas.space.cost_limits import CostName
from mbnas.space.genotype import Genotype
from mbnas.study.ledger.facts import Facts
from mbnas.training.training_record import LostRunRecord, TrainingRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRecord:
    """One network that the searcher asked for.

    Attributes:
        number: Place in the order asked for, from 1.
        genotype: The network.
        why: What the searcher was doing, such as ``"node 3 level"``.
        incumbent: The network that this one must beat, if any.
        proposal: Number of the proposal that it was part of, from 1; ``None`` if it was recorded
            without a search.
    """

    number: int
    genotype: Genotype
    why: str
    incumbent: Genotype | None = None
    proposal: int | None = None

    @property
    def network(self) -> str:
        """Digest of the network."""
        return self.genotype.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedScore:
    """A network of a search, by its number, and its score.

    Attributes:
        number: Of its evaluation.
        genotype: The network.
        score: Mean over its trainings.
    """

    number: int
    genotype: Genotype
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRecord:
    """A network and what it costs.

    Attributes:
        architecture: The network.
        parameters: Number of weights; ``None`` while unknown.
        macs: Multiply-accumulates for one slice; ``None`` while unknown.
        macs_32: Multiply-accumulates for an input of 32 by 32 pixels; ``None`` while unknown.
        latency_ms: Of one slice; ``None`` if not measured.
    """

    architecture: Architecture
    parameters: int | None = None
    macs: int | None = None
    macs_32: int | None = None
    latency_ms: float | None = None

    def cost(self, name: CostName) -> float | None:
        """Return one of its costs; ``None`` while unknown."""
        costs = {"parameters": self.parameters, "macs": self.macs, "latency": self.latency_ms}
        found = costs[name]
        return None if found is None else float(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A ledger at one moment, read in one transaction.

    Attributes:
        facts: About the study.
        networks: By digest, evaluated or not.
        evaluations: In the order asked for.
        proposals: Those of the search, in order.
        trainings: In the order recorded, without their epochs and volumes.
        lost_runs: In the order recorded.
        fresh: The trainings on fresh initialisations, with their epochs and volumes but without
            predictions. Empty unless asked for.
    """

    facts: Facts
    networks: dict[str, NetworkRecord]
    evaluations: tuple[EvaluationRecord, ...]
    proposals: tuple[Proposal, ...]
    trainings: tuple[TrainingRecord, ...]
    lost_runs: tuple[LostRunRecord, ...]
    fresh: tuple[TrainingRecord, ...] = ()

    @property
    def of_protocol(self) -> tuple[TrainingRecord, ...]:
        """The trainings under the study's protocol."""
        digest = self.facts["protocol"]
        return tuple(each for each in self.trainings if each.key.protocol == digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class BestNetwork:
    """The best network that a search found.

    Attributes:
        number: Of its evaluation.
        genotype: The network.
        score: Mean over its trainings.
        parameters: Number of weights, ``None`` while unknown.
        macs: Multiply-accumulates for one slice, ``None`` while unknown.
    """

    number: int
    genotype: Genotype
    score: float
    parameters: int | None
    macs: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingCounts:
    """Counts of networks and trainings of a search.

    Attributes:
        asked: Networks that the search asked for.
        complete: Of these, those whose trainings have all ended.
        trainings: Of all networks asked for.
        failed: Trainings that ended with an error.
        collapsed: Trainings that collapsed.
        repeated: Trainings started again after a collapse.
        unpredicted: Trainings that predicted a class of their validation patients in no epoch.
        absent: Trainings whose training patients lack a class.
    """

    asked: int
    complete: int
    trainings: int
    failed: int
    collapsed: int
    repeated: int
    unpredicted: int
    absent: int
