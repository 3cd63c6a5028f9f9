"""Where a study stands, as values that print as sentences and show as tables in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mbnas.api.network_object import Network
from mbnas.report.markup import Markup, element, fragment
from mbnas.report.tables.html_table import fact_table
from mbnas.results.choice.chosen_network import ChosenNetwork
from mbnas.results.standing.read_standing import Standing
from mbnas.wording import count_text, counted, duration_text, score_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The network that a study stands for, and how sure that is.

    >>> import mbnas
    >>> chosen = mbnas.Chosen(
    ...     network=mbnas.Network("0vgg3"), number=1, score=0.8, is_confirmed=False,
    ...     is_reference=True, probability=None, parameters=612, multiply_accumulates=40_000,
    ...     sentence="Best of 6 noisy scores, unconfirmed.",
    ... )
    >>> print(chosen)
    0vgg3: search score 0.800. Best of 6 noisy scores, unconfirmed.

    Attributes:
        network: The network.
        number: Of its evaluation; ``None`` if the search did not ask for it.
        score: Its search score.
        is_confirmed: Whether the choice rests on trainings from fresh initialisations.
        is_reference: Whether it is the U-Net of the space.
        probability: That it is better than the reference, or not worse and cheaper; ``None``
            where it is not known.
        parameters: Number of weights.
        multiply_accumulates: For one slice.
        sentence: How sure the choice is, in words.
    """

    network: Network
    number: int | None
    score: float | None
    is_confirmed: bool
    is_reference: bool
    probability: float | None
    parameters: int | None
    multiply_accumulates: int | None
    sentence: str

    @classmethod
    def of(cls, chosen: ChosenNetwork) -> Chosen:
        """Return it from what the results know of it."""
        return cls(
            network=Network(str(chosen.genotype)),
            number=chosen.number,
            score=chosen.score,
            is_confirmed=chosen.is_confirmed,
            is_reference=chosen.is_reference,
            probability=None if chosen.decision is None else chosen.decision.probability,
            parameters=chosen.parameters,
            multiply_accumulates=chosen.macs,
            sentence=chosen.sentence,
        )

    def __str__(self) -> str:
        return f"{self.network}: search score {score_text(self.score)}. {self.sentence}"

    def _repr_html_(self) -> str:
        """Return its drawing above what is known of it."""
        return fragment(Markup(self.network._repr_html_()), fact_table(self._facts()))

    def _facts(self) -> list[tuple[str, str | None]]:
        return [
            ("Network", str(self.network)),
            ("Evaluation", None if self.number is None else str(self.number)),
            ("Search score", score_text(self.score)),
            ("Parameters", count_text(self.parameters)),
            ("Multiply-accumulates", count_text(self.multiply_accumulates)),
            ("How sure", self.sentence),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A search at one moment.

    >>> import mbnas
    >>> print(mbnas.Status(study="study", state="running", evaluated=4, under_way=1, budget=20,
    ...     trainings=16, failed=0, collapsed=0, dropped=0, hours=None, hours_spent=None,
    ...     chosen=None))
    study: running, 4 of 20 networks evaluated, 1 under way. No network has a score yet.

    Attributes:
        study: The directory.
        state: ``running``, ``finished`` or ``stopped``; a killed search is stopped.
        evaluated: Networks whose trainings have all ended.
        under_way: Networks whose trainings have not.
        budget: Networks that the search may evaluate, its confirmation left out; ``None`` if only
            its time is limited.
        trainings: That have ended.
        failed: Trainings that ended with an error.
        collapsed: Trainings that never predict a class on the training slices that show it.
        dropped: Networks that racing dropped.
        hours: How long the search may take; ``None`` without a limit.
        hours_spent: How long it took so far, if its time is limited.
        chosen: The network that the study stands for; ``None`` without a score.
    """

    study: str
    state: str
    evaluated: int
    under_way: int
    budget: int | None
    trainings: int
    failed: int
    collapsed: int
    dropped: int
    hours: float | None
    hours_spent: float | None
    chosen: Chosen | None

    @classmethod
    def of(cls, path: Path, standing: Standing) -> Status:
        """Return it from where a study stands."""
        status = standing.status
        spent = status.spent
        return cls(
            study=str(path),
            state=status.state,
            evaluated=len(status.complete),
            under_way=len(status.evaluations) - len(status.complete),
            budget=status.budget if spent is None else None,
            trainings=len(status.trainings),
            failed=status.num_failed,
            collapsed=status.num_collapsed,
            dropped=status.num_dropped,
            hours=None if spent is None else spent.hours,
            hours_spent=None if spent is None else spent.seconds / 3600,
            chosen=None if standing.chosen is None else Chosen.of(standing.chosen),
        )

    def __str__(self) -> str:
        chosen = "No network has a score yet." if self.chosen is None else str(self.chosen)
        return f"{self.study}: {self.state}, {self._evaluated}. {chosen}"

    @property
    def _evaluated(self) -> str:
        of = "" if self.budget is None else f" of {self.budget}"
        noun = "networks" if of else counted(self.evaluated, "network").partition(" ")[2]
        words = f"{self.evaluated}{of} {noun} evaluated"
        if self.hours is not None and self.hours_spent is not None:
            words += f" in {duration_text(3600 * self.hours_spent)} of {self.hours:g} h"
        return words + (f", {self.under_way} under way" if self.under_way else "")

    def _repr_html_(self) -> str:
        """Return a table of the counts, and the chosen network."""
        facts = [
            ("State", self.state),
            ("Networks", self._evaluated),
            ("Trainings", f"{self.trainings}, {self.failed} failed, {self.collapsed} collapsed"),
            ("Dropped by racing", str(self.dropped) if self.dropped else None),
        ]
        chosen = None if self.chosen is None else Markup(self.chosen._repr_html_())
        return fragment(element("h4", self.study), fact_table(facts), chosen)
