"""The section on trainings that failed, collapsed or never predicted a class."""

from __future__ import annotations

from mbnas.report.markup import Markup, element
from mbnas.report.page.network_panel import evaluation_link
from mbnas.report.tables.html_table import html_table
from mbnas.results.search_summary import SearchSummary
from mbnas.wording import counted, score_text

MOST_PROBLEMS = 200
"""The most trainings that the table shows; they are the latest."""

_FEW_PROBLEMS = 12


def problems_section(summary: SearchSummary) -> Markup | None:
    """Return how many trainings collapsed, failed or missed a class, what it means, and which."""
    num_collapsed = sum(evaluation.num_collapsed for evaluation in summary.evaluations)
    num_failed = sum(evaluation.num_failed for evaluation in summary.evaluations)
    trainings = [each for evaluation in summary.evaluations for each in evaluation.trainings]
    num_unpredicted = sum(bool(each.unpredicted) for each in trainings)
    if not num_collapsed + num_failed + num_unpredicted:
        return None
    of_all = f"of {counted(sum(len(e.trainings) for e in summary.evaluations), 'training')}"
    collapsed = (
        f"{num_collapsed} {of_all} collapsed: of a class, less than a hundredth of the pixels in "
        "training slices is found. Such a score says more about the training than about the "
        "network."
    )
    failed = f"{num_failed} {of_all} failed and {'has' if num_failed == 1 else 'have'} no score."
    unpredicted = (
        f"{num_unpredicted} {of_all} never predicted a class of their validation patients."
    )
    many = num_collapsed + num_failed + num_unpredicted > _FEW_PROBLEMS
    return element(
        "section",
        element("h2", "Collapsed and failed trainings"),
        element("p", collapsed) if num_collapsed else None,
        element("p", failed) if num_failed else None,
        element("p", unpredicted) if num_unpredicted else None,
        element(
            "details",
            element("summary", "List these trainings"),
            _table(summary),
            _more_problems(sum(bool(each.problem) for each in trainings)),
            open=None if many else "",
        ),
        id="problems",
    )


def _more_problems(number: int) -> Markup | None:
    if number <= MOST_PROBLEMS:
        return None
    words = (
        f"These are the latest {MOST_PROBLEMS} of {number}. To list all: mbnas trainings STUDY for "
        "those that failed, with --all for every training."
    )
    return element("p", words, class_="quiet small")


def _table(summary: SearchSummary) -> Markup:
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
                evaluation_link(evaluation) if evaluation.number in numbers else evaluation.number,
                class_="words",
            ),
            element("td", training.fold),
            element("td", training.initialisation),
            element("td", score_text(training.score)),
            element("td", training.problem, class_="words"),
        )
        for evaluation, training in found[-MOST_PROBLEMS:]
    ]
    return html_table(
        ["evaluation", "fold", "initialisation", "score", "what happened"], body, words=(0, 4)
    )
