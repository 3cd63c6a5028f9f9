"""The chosen network of a study, how sure it is that it is better than the reference, and why.

A search alone has the best of many noisy scores. After a confirmation, the reference is kept unless
another network is shown to be better on fresh initialisations
(:mod:`mbnas.search.decision`). Held-out patients decide if there are any, otherwise those of the
folds.
"""

from __future__ import annotations

from dataclasses import dataclass

from mbnas.network.architecture import Architecture, title_of
from mbnas.results.choice.cost_words import COST_NOUNS, share_text
from mbnas.scoring.superiority import Superiority
from mbnas.search.decision import Decision, DecisionRule
from mbnas.space.cost_limits import CostName
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.study.ledger.snapshot import NetworkRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedNetwork:
    """A network of a confirmation.

    Attributes:
        record: The network with its costs.
        number: Of its evaluation; ``None`` if the search did not ask for it.
        num_trainings: On fresh initialisations, those that gave a score.
        dice: Mean over patients and these trainings, on the grid of the files.
        superiority: Compared with the reference; ``None`` for the reference itself, or if they
            share no complete initialisation.
        better: Probability that it is better than the reference, corrected for the number of
            candidates; ``None`` where it is not a candidate.
    """

    record: NetworkRecord
    number: int | None
    num_trainings: int
    dice: float | None
    superiority: Superiority | None
    better: float | None

    @property
    def architecture(self) -> Architecture:
        """The network."""
        return self.record.architecture

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
        reference_costs: Its parameters and its multiply-accumulates, ``None`` while unknown.
        num_scored: Networks of the search whose trainings have all ended.
        score: Its search score, ``None`` without one.
        parameters: Number of weights, ``None`` while unknown.
        macs: Multiply-accumulates for one slice, ``None`` while unknown.
        cost: The cost that should be low, ``None`` if only Dice counts.
        rule: What must be shown for another network than the reference.
        decision: Made after the confirmation, by digest; ``None`` without a confirmation.
        confirmed: Networks of the confirmation: candidates, the reference, further ones.
        num_held_out: Held-out patients, who decide if there are any.
        by_model: Whether the best of an unconfirmed search is so by a model that pools the scores
            of similar networks (:mod:`mbnas.study.progress.leaders`), not by its own score.
    """

    genotype: Genotype
    number: int | None
    reference: Genotype
    reference_number: int | None
    reference_score: float | None
    reference_costs: tuple[int | None, int | None] = (None, None)
    num_scored: int
    score: float | None
    parameters: int | None
    macs: int | None
    cost: CostName | None
    rule: DecisionRule
    decision: Decision[str] | None = None
    confirmed: tuple[ConfirmedNetwork, ...] = ()
    num_held_out: int = 0
    by_model: bool = False

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
            by = ", by a model of them" if self.by_model else ""
            worse = "another may be better" if self.is_reference else f"it may be worse than {unet}"
            return (
                f"Best of {self.num_scored} noisy scores{by}, unconfirmed: its score is "
                f"optimistic, and {worse}."
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
        saved = self._cheaper
        return (
            f"It is {words} with probability {probability:.2f}: {difference.difference:+.4f} Dice"
            f"{within} ({difference.num_patients} patients, {difference.num_trainings} trainings "
            f"of each on fresh initialisations).{saved}"
        )

    @property
    def _cheaper(self) -> str:
        """Return what it costs beside the reference, where cost is an objective."""
        by_network = {each.architecture: each for each in self.confirmed}
        own, other = by_network.get(self.genotype), by_network.get(self.reference)
        if self.cost is None or own is None or other is None:
            return ""
        ours, theirs = own.record.cost(self.cost), other.record.cost(self.cost)
        if not ours or not theirs:
            return ""
        return f" It has {share_text(ours / theirs)} of the reference's {COST_NOUNS[self.cost]}."
