"""The status of a search: text for people, JSON and CSV for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from mbnas.cli.show.printing import console, print_csv, print_drawing
from mbnas.cli.terminal import headed
from mbnas.data.augmentation.parameters import LEFT_RIGHT, AugmentationSettings
from mbnas.escaping import visible
from mbnas.results.choice.chosen_network import ChosenNetwork, ConfirmedNetwork
from mbnas.results.choice.short_verdict import precise_score, search_verdict
from mbnas.results.standing.evaluation_rows import Evaluation, evaluation_row
from mbnas.study.directory import Study
from mbnas.study.progress.knowledge.known_networks import SearchKnowledge, score_precision
from mbnas.study.progress.knowledge.search_noise import SearchNoise, search_noise
from mbnas.study.progress.search_status import ScoredNetwork, SearchStatus
from mbnas.study.progress.status_summary import StatusSummary
from mbnas.wording import counted, duration_text


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenPrecision:
    """How sure the score of the chosen network is, and what is known of the spread.

    Attributes:
        spread: A sentence on the spread.
        num_trainings: That the score rests on; ``None`` where that is not known.
        standard_error: Of the score.
    """

    spread: str
    num_trainings: int | None = None
    standard_error: float | None = None


def chosen_precision(
    status: SearchStatus, chosen: ChosenNetwork | None, *, num_folds: int
) -> ChosenPrecision:
    """Return how sure the score of the chosen network is.

    Args:
        status: Of the search.
        chosen: The network; ``None`` without a score.
        num_folds: Of the protocol.
    """
    noise = search_noise(status.evaluations, num_folds)
    for each in status.evaluations:
        if chosen is not None and each.genotype == chosen.genotype:
            num_trainings, standard_error = score_precision(each, noise, num_folds)
            return ChosenPrecision(
                spread=noise.sentence, num_trainings=num_trainings, standard_error=standard_error
            )
    return ChosenPrecision(spread=noise.sentence)


def print_status_summary(
    study: Study,
    summary: StatusSummary,
    chosen: ChosenNetwork | None,
    precision: ChosenPrecision,
) -> None:
    """Print a summary of a search's status and the network that it stands for."""
    out, tally = console(), summary.counts
    done, asked = tally.complete, tally.asked
    out.print(
        headed(
            study.path,
            f": {summary.state}, {_done(summary)}"
            + (f", {asked - done} under way" if asked > done else ""),
        )
    )
    if chosen is None:
        out.print("No network has a score yet.")
    else:
        input_name = study.configuration.preparation.input_name
        score = precise_score(chosen.score, precision.standard_error, precision.num_trainings)
        for sentence in search_verdict(chosen, score=score, per=input_name).sentences:
            out.print(sentence)
        out.print(f"\n{chosen.genotype}")
        print_drawing(out, chosen.genotype)
        out.print(f"\n{precision.spread}")
    for sentence in _details(study, summary):
        out.print(sentence)
    out.print(f"Report: {visible(str(study.report))}")


def _details(study: Study, summary: StatusSummary) -> Iterator[str]:
    """Yield what else is worth knowing about the trainings of a search."""
    tally = summary.counts
    for number, what in (
        (tally.failed, "failed"),
        (
            tally.collapsed,
            "collapsed: a class is never predicted on the training slices that contain it",
        ),
        (tally.repeated, "were repeated from another initialisation after a collapse"),
        (tally.unpredicted, "never predicted a class that their validation patients have"),
        (tally.absent, "lack a class: none of their training patients has it"),
    ):
        if number:
            yield f"{number} of {tally.trainings} trainings {what}"
    if summary.num_dropped:
        yield f"{summary.num_dropped} of {tally.complete} networks dropped early by racing"
    if sentence := _flips(study.configuration.augmentation):
        yield visible(sentence)


def _done(summary: StatusSummary) -> str:
    """Return how much of its budget a search has used, in words."""
    done, spent = summary.counts.complete, summary.spent
    evaluated = f"{counted(done, 'network')} evaluated"
    if spent is not None:
        return f"{evaluated} in {duration_text(spent.seconds)} of {spent.hours:g} h"
    if done > summary.budget:  # fewer trainings each than the protocol's score
        return f"{evaluated} within a budget of the trainings of {summary.budget}"
    return f"{done} of {counted(summary.budget, 'network')} evaluated"


EVALUATION_COLUMNS = tuple(each.name for each in fields(Evaluation))


def print_evaluations(evaluations: Iterable[Evaluation]) -> None:
    """Print every network that a search proposed, as CSV."""
    print_csv(EVALUATION_COLUMNS, map(asdict, evaluations))


def _flips(augmentation: AugmentationSettings) -> str | None:
    """Return how class names changed the flips, or ``None`` if they did not."""
    if augmentation.mirror_pairs:
        pairs = "; ".join(" and ".join(pair) for pair in augmentation.mirror_pairs)
        return f"Left-right flips swap the labels of {pairs}."
    if LEFT_RIGHT not in augmentation.flip_axes:
        return "Training slices are not flipped left to right."
    return None


def status_as_json(
    path: Path, status: SearchStatus, chosen: ChosenNetwork | None, known: SearchKnowledge
) -> dict[str, Any]:
    """Return the status of a search with stable keys."""
    return {
        "study": str(path),
        "state": status.state,
        "budget": status.budget,
        "evaluated": len(status.complete),
        "under_way": len(status.evaluations) - len(status.complete),
        "trainings": len(status.trainings),
        "trainings_failed": status.num_failed,
        "trainings_collapsed": status.num_collapsed,
        "trainings_repeated": status.num_repeated,
        "trainings_unpredicted": status.num_unpredicted,
        "trainings_absent": status.num_absent,
        "networks_dropped": status.num_dropped,
        "chosen": None if chosen is None else _chosen_as_json(chosen),
        "best": None if status.best is None else _evaluation_as_json(status.best, known),
        "spread": spread_as_json(known.noise),
        "evaluations": [_evaluation_as_json(each, known) for each in status.evaluations],
    }


def spread_as_json(noise: SearchNoise) -> dict[str, Any]:
    """Return the spread of a search's networks with stable keys."""
    spread = noise.spread
    return {
        "sd": None if spread is None else spread.sd,
        "interval": None if spread is None else [spread.interval.low, spread.interval.high],
        "confidence": None if spread is None else spread.interval.confidence,
        "p": None if spread is None else spread.p,
        "told_from_0": None if spread is None else spread.is_told_from_0,
        "noise_sd": None if spread is None else spread.noise_sd,
        "networks": noise.num_networks,
        "initialisations": noise.num_initialisations,
        "sentence": noise.sentence,
    }


def _chosen_as_json(chosen: ChosenNetwork) -> dict[str, Any]:
    decision = chosen.decision
    return {
        "genotype": str(chosen.genotype),
        "number": chosen.number,
        "confirmed": chosen.is_confirmed,
        "ground": "unconfirmed" if decision is None else decision.ground,
        "probability": None if decision is None else decision.probability,
        "is_reference": chosen.is_reference,
        "reference": str(chosen.reference),
        "reference_number": chosen.reference_number,
        "reference_score": chosen.reference_score,
        "sentence": chosen.sentence,
        "networks": [_confirmed_as_json(each) for each in chosen.confirmed],
    }


def _confirmed_as_json(network: ConfirmedNetwork) -> dict[str, Any]:
    found = network.superiority
    interval = None if found is None else found.interval()
    return {
        "network": str(network.architecture),
        "number": network.number,
        "trainings": network.num_trainings,
        "dice": network.dice,
        "difference": None if found is None else found.difference,
        "interval": None if interval is None else [interval.low, interval.high],
        "probability_better": network.better,
        "parameters": network.record.parameters,
        "multiply_accumulates": network.record.macs,
    }


def _evaluation_as_json(evaluation: ScoredNetwork, known: SearchKnowledge) -> dict[str, Any]:
    row = evaluation_row(evaluation, known.networks[evaluation.record.network])
    return asdict(row) | {
        "trainings": [
            {
                "fold": record.key.fold,
                "initialisation": record.key.initialisation,
                "score": record.score,
                "collapsed": list(record.collapsed),
                "absent": list(record.absent),
                "unpredicted": list(record.unpredicted),
                "attempts": record.attempts,
                "error": record.error,
            }
            for record in evaluation.trainings
        ],
    }
