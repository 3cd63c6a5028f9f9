"""The chosen network of a study, how sure it is that it is better than the reference, and why.

A search alone has the best of many noisy scores. After a confirmation, the reference is kept unless
another network is shown to be better on fresh initialisations
(:mod:`mbnas.search.decision`). Held-out patients decide if there are any, otherwise those of the
folds.

Shape suffixes: I initialisations, P patients.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mbnas.network.architecture import Architecture, title_of
from mbnas.results.metric_summaries import contributions, overall_means, patient_values
from mbnas.scoring.superiority import Superiority, superiority
from mbnas.search.decision import Decision, DecisionRule, decide
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.space.reference import reference_genotype
from mbnas.study.configuration import Configuration
from mbnas.study.ledger.facts import HELD_OUT, Facts
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.snapshot import NetworkRecord, Snapshot
from mbnas.study.progress.confirmation_record import ConfirmationRecord, confirmation_in
from mbnas.study.progress.search_status import SearchStatus
from mbnas.study.progress.status_summary import StatusSummary
from mbnas.training.training_record import TrainingRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedNetwork:
    """A network of a confirmation.

    Attributes:
        architecture: The network.
        number: Of its evaluation; ``None`` if the search did not ask for it.
        num_trainings: On fresh initialisations, those that gave a score.
        dice: Mean over patients and these trainings, on the grid of the files.
        superiority: Compared with the reference; ``None`` for the reference itself, or if they
            share no complete initialisation.
        better: Probability that it is better than the reference, corrected for the number of
            candidates; ``None`` where it is not a candidate.
        macs: Multiply-accumulates for one slice, ``None`` while unknown.
        parameters: Number of weights, ``None`` while unknown.
    """

    architecture: Architecture
    number: int | None
    num_trainings: int
    dice: float | None
    superiority: Superiority | None
    better: float | None
    macs: int | None
    parameters: int | None

    def name_in(self, chosen: ChosenNetwork) -> str:
        """Return its name in a table of the confirmation."""
        known = "" if self.number is None else f" (network {self.number})"
        role = ", chosen" if self.architecture == chosen.genotype else ""
        if self.architecture == chosen.reference:
            return f"{chosen.reference_name}{known}, reference{role}"
        if self.number is None:
            return title_of(self.architecture)
        return f"Network {self.number}{role}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenNetwork:
    """The network that a study stands for.

    Attributes:
        genotype: The network.
        number: Of its evaluation; ``None`` if the search did not ask for it.
        reference: The U-Net of the space.
        reference_number: Of its evaluation; ``None`` if the search did not ask for it.
        reference_score: Its search score, ``None`` without one.
        num_scored: Networks of the search whose trainings have all ended.
        score: Its search score, ``None`` without one.
        parameters: Number of weights, ``None`` while unknown.
        macs: Multiply-accumulates for one slice, ``None`` while unknown.
        rule: What must be shown for another network than the reference.
        decision: Made after the confirmation, by digest; ``None`` without a confirmation.
        confirmed: Networks of the confirmation: candidates, the reference, further ones.
        num_held_out: Held-out patients, who decide if there are any.
    """

    genotype: Genotype
    number: int | None
    reference: Genotype
    reference_number: int | None
    reference_score: float | None
    num_scored: int
    score: float | None
    parameters: int | None
    macs: int | None
    rule: DecisionRule
    decision: Decision[str] | None = None
    confirmed: tuple[ConfirmedNetwork, ...] = ()
    num_held_out: int = 0

    @property
    def is_confirmed(self) -> bool:
        """Whether the choice rests on a confirmation."""
        return self.decision is not None and self.decision.ground != "nothing confirmed"

    @property
    def is_reference(self) -> bool:
        """Whether it is the reference itself."""
        return self.genotype == self.reference

    @property
    def reference_name(self) -> str:
        """The U-Net, or the reference of a space without it."""
        num_levels = self.reference.num_levels
        return "U-Net" if self.reference == unet_genotype(num_levels) else "the reference"

    @property
    def sentence(self) -> str:
        """How sure the choice is, in words."""
        unet = "the U-Net" if self.reference_name == "U-Net" else self.reference_name
        if self.decision is None or not self.is_confirmed:
            return (
                f"Best of {self.num_scored} noisy scores, unconfirmed: its score is optimistic, "
                f"and it may be worse than {unet}."
            )
        probability = self.decision.probability
        assert probability is not None
        asked = f"{self.rule.probability:g}"
        if self.decision.ground == "not shown":
            return (
                f"{unet[0].upper()}{unet[1:]} is chosen, because no leader is shown to be better: "
                f"the highest probability is {probability:.2f}, and {asked} is needed."
            )
        found = next(each for each in self.confirmed if each.architecture == self.genotype)
        assert found.superiority is not None
        difference = found.superiority
        interval = difference.interval()
        within = (
            ""
            if interval is None
            else f", 95 % interval {interval.low:+.4f} to {interval.high:+.4f}"
        )
        words = {
            "better": f"better than {unet}",
            "not worse and cheaper": (
                f"cheaper than {unet} and not worse by {self.rule.margin:g} Dice"
            ),
        }[self.decision.ground]
        return (
            f"It is {words} with probability {probability:.2f}: {difference.difference:+.4f} Dice"
            f"{within} ({difference.num_patients} patients, {difference.num_trainings} trainings "
            "of each on fresh initialisations)."
        )


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
    record = confirmation_in(held.facts)
    decision: Decision[str] | None = None
    confirmed: tuple[ConfirmedNetwork, ...] = ()
    num_held_out = len(json.loads(held.facts[HELD_OUT])) if HELD_OUT in held.facts else 0
    if record is not None and record.is_finished:
        decision, confirmed = _decided(held, record, rule, held_out=num_held_out > 0)
    is_decided = decision is not None and decision.ground != "nothing confirmed"
    digest = decision.chosen if decision is not None and is_decided else best
    if digest is None:
        return None
    network = held.networks[digest]
    assert isinstance(network.architecture, Genotype)
    reference = reference_genotype(configuration.space.first)
    reference_number = held.numbers.get(reference.digest)
    return ChosenNetwork(
        genotype=network.architecture,
        number=held.numbers.get(digest),
        reference=reference,
        reference_number=reference_number,
        reference_score=None if reference_number is None else score_of(reference.digest),
        num_scored=num_scored,
        score=score_of(digest),
        parameters=network.parameters,
        macs=network.macs,
        rule=rule,
        decision=decision,
        confirmed=confirmed,
        num_held_out=num_held_out,
    )


def _decided(
    held: _Confirmation, record: ConfirmationRecord, rule: DecisionRule, *, held_out: bool
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
        digest: compared(complete.get(digest, []), theirs, held_out=held_out)
        for digest in (*record.candidates, *record.others)
    }
    candidates = {
        digest: known for digest in record.candidates if (known := found[digest]) is not None
    }
    decision = decide(record.reference, candidates, rule)
    confirmed = tuple(
        ConfirmedNetwork(
            architecture=held.networks[digest].architecture,
            number=held.numbers.get(digest),
            num_trainings=len(complete.get(digest, [])),
            dice=_mean_dice(complete.get(digest, []), held_out=held_out),
            superiority=found.get(digest),
            better=decision.better.get(digest),
            macs=held.networks[digest].macs,
            parameters=held.networks[digest].parameters,
        )
        for digest in (*record.candidates, record.reference, *record.others)
    )
    return decision, confirmed


def compared(
    first: Sequence[TrainingRecord], second: Sequence[TrainingRecord], *, held_out: bool
) -> Superiority | None:
    """Return how sure it is that the first network is better than the second, by Dice.

    Args:
        first: Trainings of the first network with a score, whole initialisations.
        second: Of the second network.
        held_out: Whether held-out patients are compared rather than those of the folds.
    """
    shared = {each.key.initialisation for each in first}
    shared &= {each.key.initialisation for each in second}
    if not shared:
        return None
    values = [
        _dice_of([each for each in of if each.key.initialisation in shared], held_out=held_out)
        for of in (first, second)
    ]
    (patients, first_IP, folds_P), (others, second_IP, _) = values
    if patients != others or not patients:
        return None
    return superiority(first_IP, second_IP, None if held_out else folds_P)


def _complete(trainings: Sequence[TrainingRecord], num_folds: int) -> list[TrainingRecord]:
    """Return the trainings of the initialisations of which every fold has a score."""
    scored = [each for each in trainings if each.score is not None]
    of = [each.key.initialisation for each in scored]
    return [each for each in scored if of.count(each.key.initialisation) == num_folds]


def _dice_of(
    trainings: Sequence[TrainingRecord], *, held_out: bool
) -> tuple[tuple[str, ...], Float[np.ndarray, "I P"], Int[np.ndarray, " P"]]:
    """Return patients, their Dice by initialisation, and the fold of each."""
    patients, values_IPK = patient_values(trainings, "dice", held_out=held_out)
    fold_of = {
        volume.patient: each.key.fold
        for each in trainings
        for volume in each.volumes
        if volume.held_out == held_out
    }
    values_IP = np.array([contributions(of_one[None]) for of_one in values_IPK])
    return patients, values_IP, np.array([fold_of[each] for each in patients], dtype=int)


def _mean_dice(trainings: Sequence[TrainingRecord], *, held_out: bool) -> float | None:
    if not trainings:
        return None
    _, values_IPK = patient_values(trainings, "dice", held_out=held_out)
    means_I = overall_means(values_IPK)
    return None if not means_I.size or np.isnan(means_I).any() else float(means_I.mean())
