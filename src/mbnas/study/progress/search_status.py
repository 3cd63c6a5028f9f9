"""The status of a search, computed from a snapshot of its ledger."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby, product
from typing import Literal

from mbnas.search.racing.judge import Judge, Judgement
from mbnas.search.racing.outcome import Outcome
from mbnas.search.searcher import Proposal
from mbnas.search.settings import SearchSettings
from mbnas.space.genotype import Genotype
from mbnas.study.configuration import Configuration
from mbnas.study.ledger.facts import HOURS, SECONDS, Facts
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.snapshot import EvaluationRecord, Snapshot
from mbnas.study.progress.leaders import leaders_of
from mbnas.training.training_record import LostRunRecord, TrainingRecord

Sequel = Literal["scored", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRunOutcome:
    """A lost run, and how its training ended.

    Attributes:
        record: As in the ledger.
        sequel: Whether the training was rerun and got a score, or has failed; ``None`` if it
            was not rerun or is still running.
    """

    record: LostRunRecord
    sequel: Sequel | None


def failed_trainings(trainings: Iterable[TrainingRecord]) -> tuple[TrainingRecord, ...]:
    """Return the trainings that ended with an error."""
    return tuple(each for each in trainings if each.error is not None)


def lost_run_outcomes(
    runs: Iterable[LostRunRecord], trainings: Iterable[TrainingRecord]
) -> tuple[LostRunOutcome, ...]:
    """Return lost runs with how their trainings ended."""
    errors = {each.key: each.error for each in trainings}

    def sequel(record: LostRunRecord) -> Sequel | None:
        if record.key not in errors:
            return None
        return "scored" if errors[record.key] is None else "failed"

    return tuple(LostRunOutcome(record=each, sequel=sequel(each)) for each in runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredNetwork:
    """An evaluation: a network that the search asked for, and its trainings so far.

    Attributes:
        record: As in the ledger.
        trainings: Those of its score that have ended, by initialisation, then fold; without
            their epochs.
        num_trainings: How many its score needs.
        judgement: What they say of the network.
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
        """Whether the search needs no more trainings of it."""
        return self.judgement.score is not None

    @property
    def dropped_after(self) -> int | None:
        """After how many trainings it was dropped in a race; ``None`` if it was not."""
        return self.judgement.dropped_after

    @property
    def score(self) -> float | None:
        """Mean over the trainings; ``None`` if some are missing, one failed or it was dropped."""
        return None if self.dropped_after else self.reported_score

    @property
    def reported_score(self) -> float | None:
        """The score that the searcher received: its own, or the expected one if it was dropped."""
        score = self.judgement.score
        return score if score is not None and math.isfinite(score) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpent:
    """The time of a search whose time is limited.

    Attributes:
        seconds: How long its runs took together.
        hours: How long they may take together.
    """

    seconds: float
    hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchStatus:
    """A search at one moment.

    Attributes:
        budget: Networks it may evaluate, if all have all initialisations; without those of the
            confirmation.
        state: ``running``, ``finished`` or ``stopped``, as the search last wrote.
        evaluations: Every network asked for, in order.
        spent: The time of its runs, if it is limited.
        leader: The most promising network, if networks have different numbers of trainings: the
            highest of their scores would favour those with few. ``None`` if all have equally many.
        num_searching: Trainings that the budget pays for, if networks have different numbers of
            trainings; ``None`` if all have equally many.
        num_confirming: Trainings that the confirmation may use and that have not ended.
    """

    budget: int
    state: str
    evaluations: tuple[ScoredNetwork, ...]
    spent: TimeSpent | None = None
    leader: Genotype | None = None
    num_searching: int | None = None
    num_confirming: int = 0

    @property
    def complete(self) -> tuple[ScoredNetwork, ...]:
        """The evaluations whose trainings have all ended."""
        return tuple(each for each in self.evaluations if each.complete)

    @property
    def best(self) -> ScoredNetwork | None:
        """The evaluation of the leader, or that of the highest score, the first of equals."""
        if self.leader is not None:
            return next(each for each in self.evaluations if each.genotype == self.leader)
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
        """Trainings that collapsed (:mod:`mbnas.training.loop.collapse`)."""
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
        """Trainings that collapsed at first and were started again."""
        return sum(record.attempts > 1 for record in self.trainings)


def by_proposal(evaluations: Iterable[EvaluationRecord]) -> Iterator[list[EvaluationRecord]]:
    """Yield the evaluations of each proposal of a search.

    If a ledger has no numbers of proposals, successive evaluations with the same incumbent and
    reason count as one proposal.
    """

    def proposal(record: EvaluationRecord) -> tuple[object, ...]:
        return record.proposal, record.incumbent, record.why

    for _, group in groupby(evaluations, key=proposal):
        yield list(group)


def asked_initialisations(proposals: Iterable[Proposal], per_network: int) -> dict[str, int]:
    """Return from how many initialisations networks were asked, by digest.

    Args:
        proposals: Of a search.
        per_network: Initialisations where a proposal does not say how many. Networks of such
            proposals only are left out.
    """
    asked: dict[str, int] = {}
    counted: set[str] = set()
    for proposal in proposals:
        wanted = proposal.initialisations or per_network
        for genotype in proposal.genotypes:
            digest = genotype.digest
            asked[digest] = max(wanted, asked.get(digest, 0))
            if proposal.initialisations is not None:
                counted.add(digest)
    return {digest: asked[digest] for digest in counted}


def read_status(ledger: Ledger, configuration: Configuration) -> SearchStatus:
    """Return the status of the search in a ledger.

    Args:
        ledger: Open, for reading at least.
        configuration: Of its study.
    """
    return search_status(ledger.read(), configuration)


def time_spent(facts: Facts) -> TimeSpent | None:
    """Return the time of a search, ``None`` if it is not limited."""
    if HOURS not in facts:
        return None
    return TimeSpent(seconds=float(facts.get(SECONDS, 0.0)), hours=float(facts[HOURS]))


def num_networks(facts: Facts, configuration: Configuration) -> int:
    """Return how many networks a search may evaluate, if all have all initialisations."""
    per_network = configuration.protocol.initialisations
    return _search_now(facts, configuration).budget(per_network).initialisations // per_network


def _search_now(facts: Facts, configuration: Configuration) -> SearchSettings:
    """Return the settings of a search with the budget that it was last given."""
    return replace(configuration.search, evaluations=int(facts["budget"]))


def search_status(snapshot: Snapshot, configuration: Configuration) -> SearchStatus:
    """Return the status of a search.

    Args:
        snapshot: Of its ledger.
        configuration: Of its study.
    """
    facts, networks = snapshot.facts, snapshot.networks
    protocol, digest = configuration.protocol, facts["protocol"]
    asked = asked_initialisations(snapshot.proposals, protocol.initialisations)
    by_network: dict[str, dict[tuple[int, int], TrainingRecord]] = {}
    for record in snapshot.trainings:
        wanted = asked.get(record.key.network) or protocol.initialisations
        if record.key.protocol == digest and record.key.initialisation < wanted:
            training = record.key.initialisation, record.key.fold
            by_network.setdefault(record.key.network, {})[training] = record

    def outcomes(network: str, initialisations: int | None = None) -> list[Outcome | None]:
        cells = product(range(initialisations or protocol.initialisations), range(protocol.folds))
        trainings = map(by_network.get(network, {}).get, cells)
        return [
            None if each is None else Outcome(score=each.score, wall_s=each.wall_s)
            for each in trainings
        ]

    def judged(record: EvaluationRecord) -> Judgement:
        incumbent = record.incumbent
        wanted = asked.get(record.network)
        if wanted is None:
            return judge.judge(
                outcomes(record.network),
                None if incumbent is None else outcomes(incumbent.digest),
            )
        # A network that is asked for again keeps its score until the further trainings have ended.
        judgements = (judge.judge(outcomes(record.network, each)) for each in range(wanted, 0, -1))
        return next((each for each in judgements if each.score is not None), Judgement())

    judge = Judge(num_folds=protocol.folds, threshold=configuration.search.dropped_below)
    evaluations: list[ScoredNetwork] = []
    for proposal in by_proposal(snapshot.evaluations):
        judgements = [judged(record) for record in proposal]
        judge.learn(judgements)
        evaluations += [
            ScoredNetwork(
                record=record,
                trainings=tuple(
                    training for _, training in sorted(by_network.get(record.network, {}).items())
                ),
                num_trainings=protocol.folds
                * (asked.get(record.network) or protocol.initialisations),
                judgement=judgement,
                parameters=networks[record.network].parameters,
                macs=networks[record.network].macs,
            )
            for record, judgement in zip(proposal, judgements, strict=True)
        ]
    search, per_network = _search_now(facts, configuration), protocol.initialisations
    leaders: tuple[Genotype, ...] = ()
    num_searching = None
    if search.is_stepwise:
        leaders = leaders_of(snapshot.proposals, snapshot.of_protocol, configuration)
        num_searching = protocol.folds * search.budget(per_network).initialisations
    confirmed = sum(each.key.is_confirming for each in snapshot.of_protocol)
    return SearchStatus(
        spent=time_spent(facts),
        leader=leaders[0] if leaders else None,
        num_searching=num_searching,
        num_confirming=max(0, protocol.folds * search.num_confirming(per_network) - confirmed),
        budget=num_networks(facts, configuration),
        state=facts["state"],
        evaluations=tuple(evaluations),
    )
