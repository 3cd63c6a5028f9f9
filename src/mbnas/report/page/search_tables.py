"""The tables of evaluations and of trainings with problems."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mbnas.report.page.markup import Content, Markup, element, fragment
from mbnas.report.page.network_panel import changes_in_words, problems_of
from mbnas.results.evaluation_summary import EvaluationSummary
from mbnas.results.search_summary import SearchSummary
from mbnas.wording import count_text, duration_text, score_text

_CHANGES = 6

MOST_PROBLEMS = 200
"""Most trainings in the table of problems; it shows the latest."""


def evaluations_table(summary: SearchSummary) -> Markup:
    """Return every evaluation in order, with what was tried and its score."""
    improved = {evaluation.number for evaluation in summary.improvements}
    body = [
        element(
            "tr",
            element("td", _link(evaluation), class_="words"),
            element("td", evaluation.why, _changes(evaluation), class_="words"),
            element("td", score_text(evaluation.score, evaluation.sd)),
            element("td", count_text(evaluation.parameters)),
            element("td", count_text(evaluation.macs)),
            element("td", duration_text(evaluation.wall_s)),
            element("td", "; ".join(problems_of(evaluation)), class_="words warn"),
            class_="strong" if evaluation.number in improved else None,
        )
        for evaluation in summary.shown
    ]
    return _table(
        ["number", "tried", "score", "parameters", "MACs", "time", ""], body, words=(0, 1)
    )


def problems_table(summary: SearchSummary) -> Markup:
    """Return the latest trainings that failed or do not predict a class, and what happened."""
    numbers = {evaluation.number for evaluation in summary.shown}
    found = [
        (evaluation, training)
        for evaluation in summary.evaluations
        for training in evaluation.trainings
        if training.problem
    ]
    body = [
        element(
            "tr",
            element(
                "td",
                _link(evaluation) if evaluation.number in numbers else evaluation.number,
                class_="words",
            ),
            element("td", training.fold),
            element("td", training.initialisation),
            element("td", score_text(training.score)),
            element("td", training.problem, class_="words"),
        )
        for evaluation, training in found[-MOST_PROBLEMS:]
    ]
    return _table(["evaluation", "fold", "initialisation", "score", "what happened"], body, (0, 4))


def _table(heads: Sequence[str], body: Iterable[Markup], words: Sequence[int] = (0,)) -> Markup:
    """Return a table that scrolls horizontally on a narrow screen."""
    cells = (
        element("th", head, scope="col", class_="words" if column in words else None)
        for column, head in enumerate(heads)
    )
    head = element("thead", element("tr", *cells))
    return element("div", element("table", head, element("tbody", *body)), class_="wide")


def _link(evaluation: EvaluationSummary) -> Markup:
    return element("a", evaluation.number, href=f"#evaluation-{evaluation.number}")


def _changes(evaluation: EvaluationSummary) -> Markup | None:
    return _small("; ".join(changes_in_words(evaluation, _CHANGES)))


def _small(text: Content) -> Markup | None:
    return fragment(" ", element("small", text)) if text else None
