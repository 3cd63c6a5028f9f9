"""What a report shows of a study, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from mbnas.data.images.geometry import Unit
from mbnas.results.choice.chosen_network import ChosenNetwork
from mbnas.results.choice.next_steps import NextStep
from mbnas.results.choice.short_verdict import Verdict
from mbnas.results.comparison import Comparison
from mbnas.results.evaluation_summary import EvaluationSummary
from mbnas.results.explanation.findings import Explanation
from mbnas.results.fronts.search_front import SearchFront
from mbnas.results.learning_curves import LearningCurves
from mbnas.results.segmentations.outlined_cases import Segmentations
from mbnas.results.timeline import Timeline
from mbnas.study.progress.racing_account import RacingAccount
from mbnas.study.progress.time_account import TimeAccount

State = Literal["running", "finished", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RacingSummary:
    """What racing saved in a search or would have saved.

    Attributes:
        mode: ``on`` if the search raced; ``shadow`` if all networks were trained to the end and
            races are computed afterwards.
        chosen: At the search's own threshold.
        curve: At several thresholds, ascending; empty if the search raced.
    """

    mode: Literal["on", "shadow"]
    chosen: RacingAccount
    curve: tuple[RacingAccount, ...] = ()


MOST_SHOWN = 300
"""Most networks that a page shows; of more, it shows :attr:`SearchSummary.shown`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSummary:
    """A study at one moment.

    Attributes:
        study_name: Name of the study.
        dataset_name: Name of the dataset.
        class_names: Names of the foreground classes.
        unit: What lengths are measured in.
        state: Whether the search runs, has used its budget, or was stopped before.
        updated_at: The moment, with a time zone.
        space_text: The search space in a few words.
        searcher: Name of the searcher.
        protocol_name: Name of the protocol.
        context: How many slices before and after a slice networks see besides it.
        input_name: What networks see at once.
        budget: How many networks the search may evaluate.
        evaluations: Every network evaluated, in order.
        chosen: The network that the study stands for; ``None`` without a score.
        verdict: On this network; ``None`` without a score.
        next_steps: What can be done next.
        spread: What is known of the spread of its networks, in words.
        curves: How networks of the search learned, by digest: at most
            :data:`~mbnas.results.learning_curves.MOST_CURVES` of them.
        unet: The U-Net of the space under the same protocol, if it was evaluated.
        comparison: Of networks trained again on fresh initialisations, if any were.
        segmentations: Of these networks.
        explanation: What mattered in the search; ``None`` while it runs.
        front: Of its networks by score and cost.
        racing: What racing saved or would have saved; ``None`` if it is off.
        timeline: Which worker ran what and when.
        account: The time that the study took.
        configuration_toml: The whole configuration.
        versions: Version of each program that took part.
        identity: What else a repetition must share, such as seed and digests.
        commands: Those that repeat the study, given its configuration.

    Raises:
        ValueError: if the time has no zone, or if evaluations are out of order.
    """

    study_name: str
    dataset_name: str
    class_names: tuple[str, ...]
    unit: Unit = "mm"
    state: State
    updated_at: datetime
    space_text: str
    searcher: str
    protocol_name: str
    budget: int
    evaluations: tuple[EvaluationSummary, ...] = ()
    chosen: ChosenNetwork | None = None
    verdict: Verdict | None = None
    next_steps: tuple[NextStep, ...] = ()
    spread: str | None = None
    curves: Mapping[str, LearningCurves] = field(default_factory=dict)
    unet: EvaluationSummary | None = None
    context: int = 0
    input_name: Literal["slice", "patch"] = "slice"
    comparison: Comparison | None = None
    segmentations: Segmentations | None = None
    explanation: Explanation | None = None
    front: SearchFront | None = None
    racing: RacingSummary | None = None
    timeline: Timeline | None = None
    account: TimeAccount | None = None
    configuration_toml: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    identity: Mapping[str, str] = field(default_factory=dict)
    commands: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.updated_at.tzinfo is None:
            raise ValueError(f"updated_at (={self.updated_at}) must name its time zone.")
        numbers = [evaluation.number for evaluation in self.evaluations]
        if numbers != sorted(set(numbers)):
            raise ValueError(f"Evaluations (={numbers}) must be in ascending order and distinct.")

    @property
    def best(self) -> EvaluationSummary | None:
        """The evaluation of the network that the study stands for; ``None`` without a score.

        If the search did not ask for that network, it is that of the highest score, the first of
        equals.
        """
        if self.chosen is not None:
            for evaluation in self.evaluations:
                if evaluation.number == self.chosen.number:
                    return evaluation
        scored = self.improvements
        return scored[-1] if scored else None

    @property
    def shown(self) -> tuple[EvaluationSummary, ...]:
        """The networks that a page shows, in order: all, or a selection if there are many.

        The selection has the latest, those of the highest scores, and the last that were better
        than all before them. So the size of a page is bounded however long a search runs.
        """
        if len(self.evaluations) <= MOST_SHOWN:
            return self.evaluations
        scored = [each for each in self.evaluations if each.score is not None]
        best = sorted(scored, key=lambda each: each.score or 0.0, reverse=True)
        chosen = [
            *self.evaluations[-MOST_SHOWN // 2 :],
            *best[: MOST_SHOWN // 3],
            *self.improvements[-MOST_SHOWN // 6 :],
        ]
        return tuple(sorted({each.number: each for each in chosen}.values(), key=_number))

    @property
    def improvements(self) -> tuple[EvaluationSummary, ...]:
        """The networks that were better than all before them, in order."""
        improvements: list[EvaluationSummary] = []
        best = float("-inf")
        for evaluation in self.evaluations:
            if evaluation.score is not None and evaluation.score > best:
                improvements.append(evaluation)
                best = evaluation.score
        return tuple(improvements)


def _number(evaluation: EvaluationSummary) -> int:
    return evaluation.number
