"""The section that lists the evaluations of a search."""

from __future__ import annotations

from mbnas.report.markup import Markup, element, fragment
from mbnas.report.page.network_panel import change_lines, evaluation_link, problems_of
from mbnas.report.tables.html_table import html_table
from mbnas.results.evaluation_summary import EvaluationSummary
from mbnas.results.search_summary import SearchSummary
from mbnas.wording import NOTHING, count_text, counted, duration_text, score_text

_CHANGES = 6


def evaluations_section(summary: SearchSummary) -> Markup | None:
    """Return the table of evaluations; ``None`` if there are none."""
    if not summary.evaluations:
        return None
    return element(
        "section",
        element("h2", "All evaluations"),
        _left_out(summary),
        element(
            "details",
            element("summary", f"Show {_of_all(summary)}"),
            _table(summary),
        ),
        id="evaluations",
    )


def _of_all(summary: SearchSummary) -> str:
    num_shown, number = len(summary.shown), len(summary.evaluations)
    return counted(number, "evaluation") if num_shown == number else f"{num_shown} of {number:,}"


def _left_out(summary: SearchSummary) -> Markup | None:
    """Return which networks of a long search are not listed, and where to find them."""
    if len(summary.shown) == len(summary.evaluations):
        return None
    words = (
        f"This page lists {len(summary.shown)} of {len(summary.evaluations):,} networks: the "
        "latest, those with the highest scores and the last that were a new best. All counts and "
        "the chart include every network. To list every network: mbnas status STUDY --json. To "
        "list every training: mbnas trainings STUDY --all."
    )
    return element("p", words, class_="quiet")


def _table(summary: SearchSummary) -> Markup:
    """Return every evaluation in order, with what was tried and its score."""
    improved = {evaluation.number for evaluation in summary.improvements}
    body = [
        element(
            "tr",
            element("td", evaluation_link(evaluation), class_="words"),
            element("td", evaluation.why, _changes(evaluation), class_="words"),
            element("td", _score(evaluation)),
            *_known(evaluation),
            element("td", count_text(evaluation.parameters)),
            element("td", count_text(evaluation.macs)),
            element("td", duration_text(evaluation.wall_s)),
            element("td", "; ".join(problems_of(evaluation)), class_="words warn"),
            class_="strong" if evaluation.number in improved else None,
        )
        for evaluation in summary.shown
    ]
    return html_table(
        [
            *("number", "tried", "score ± standard error", "trainings", "estimate ± sd"),
            *("probability of best", "parameters", "MACs", "time", ""),
        ],
        body,
        words=(0, 1),
    )


def _score(evaluation: EvaluationSummary) -> str:
    known = evaluation.known
    return score_text(evaluation.score, None if known is None else known.standard_error)


def _known(evaluation: EvaluationSummary) -> list[Markup]:
    """Return how many trainings a score rests on, and what is estimated of the true score."""
    known = evaluation.known
    if known is None:
        return [element("td", NOTHING) for _ in range(3)]
    best = known.probability_best
    return [
        element("td", known.num_trainings),
        element("td", score_text(known.estimate, known.estimate_sd)),
        element("td", NOTHING if best is None else f"{best:.2f}"),
    ]


def _changes(evaluation: EvaluationSummary) -> Markup | None:
    text = "; ".join(change_lines(evaluation, _CHANGES))
    return fragment(" ", element("small", text)) if text else None
