"""The top of a study's page: the answer, what to do next, and the most important numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard

from mbnas.report.markup import Content, Markup, element
from mbnas.report.page.citing import copied_text
from mbnas.report.page.document import state_line
from mbnas.results.choice.next_steps import Page
from mbnas.results.comparison import Comparison
from mbnas.results.evaluation_summary import EvaluationSummary
from mbnas.results.search_summary import SearchSummary
from mbnas.wording import count_text, counted, difference_text, duration_text, score_text

Figure = tuple[str, Content, Content]
"""The name of a number, the number, and a note."""


def overview_section(summary: SearchSummary, *, is_served: bool = False) -> Markup:
    """Return the name of the study, its verdict, the next commands and its main numbers.

    Args:
        summary: Of the study.
        is_served: Whether the page is served, so that it renews itself.
    """
    done = len(summary.evaluations)
    word = {"running": "Running", "finished": "Finished", "stopped": "Stopped"}[summary.state]
    share = min(1.0, done / max(1, summary.budget))
    return element(
        "header",
        element("p", "mbnas · architecture search", class_="quiet small"),
        element("h1", summary.study_name),
        state_line(
            summary.state,
            word,
            _done(summary),
            summary.updated_at,
        ),
        element("p", "", class_="live quiet small", role="status") if is_served else None,
        _meter(share) if summary.state != "finished" else None,
        _verdict(summary),
        element("p", _advice(summary, is_served=is_served), class_="quiet small hint"),
        *_next(summary, "served" if is_served else "file"),
        _figures(summary),
        element("p", _description(summary), class_="quiet"),
        id="overview",
    )


def _verdict(summary: SearchSummary) -> Markup:
    """Return which network was found, how sure that is, and at what cost."""
    if summary.verdict is None:
        words = element("p", "No network has a score yet.")
        return element("div", words, class_="verdict", role="note", aria_label="Verdict")
    found, *rest = summary.verdict.sentences
    return element(
        "div",
        element("p", found, class_="found"),
        *(element("p", sentence) for sentence in rest),
        class_="verdict",
        role="note",
        aria_label="Verdict",
    )


def _next(summary: SearchSummary, page: Page) -> Iterator[Markup]:
    """Yield what to do next, each step with its command."""
    steps = [each for each in summary.next_steps if page not in each.needless_on]
    if not steps:
        return
    yield element("h2", "What to do next", class_="minor")
    yield element(
        "ul",
        *(
            element("li", element("span", step.purpose), copied_text(step.command))
            for step in steps
        ),
        class_="steps",
    )


def _description(summary: SearchSummary) -> str:
    classes = ", ".join(summary.class_names)
    return (
        f"Dataset {summary.dataset_name}" + (f" ({classes})" if classes else "") + f". "
        f"Space: {summary.space_text}. Searcher: {summary.searcher}. "
        f"Protocol: {summary.protocol_name}.{_neighbours(summary.context)}"
    )


def _neighbours(context: int) -> str:
    """Return a sentence about the slices that a network sees besides the one to segment."""
    if not context:
        return ""
    sides = "slice" if context == 1 else f"{context} slices"
    return (
        f" Besides the slice that it segments, a network sees the {sides} before and the {sides} "
        "after as further channels."
    )


def _done(summary: SearchSummary) -> str:
    """Return how many networks were evaluated, and of how many if that was not exceeded."""
    done = len(summary.evaluations)
    if done > summary.budget:  # of networks with fewer initialisations than the protocol's
        return counted(done, "evaluation")
    return f"{done} of {counted(summary.budget, 'evaluation')}"


def _advice(summary: SearchSummary, *, is_served: bool) -> str | None:
    if summary.state == "running":
        words = "The search is running; this page is updated as evaluations are completed."
        return words if is_served else f"{words} Reload it to see newer results."
    if summary.state == "stopped":
        return "The search stopped before it used its budget; the same command resumes it."
    return None


def _meter(share: float) -> Markup:
    return element("div", element("div", style=f"width:{100 * share:.1f}%"), class_="meter")


def _figures(summary: SearchSummary) -> Markup | None:
    """Return the most important numbers."""
    best = summary.best
    if best is None or best.score is None:
        return None
    figures = [
        *([_retrained(summary.comparison)] if _has_networks(summary.comparison) else []),
        *_score_figures(summary, best),
        *_cost_figures(summary, best),
    ]
    return element(
        "dl",
        *(
            element("div", element("dt", name), element("dd", value, element("small", note)))
            for name, value, note in figures
        ),
        class_="figures",
    )


def _has_networks(comparison: Comparison | None) -> TypeGuard[Comparison]:
    return comparison is not None and bool(comparison.networks)


def _score_figures(summary: SearchSummary, best: EvaluationSummary) -> Iterator[Figure]:
    """Yield the search score of the chosen network, and by how much it differs."""
    chosen, unet = summary.chosen, summary.unet
    score = best.score if chosen is None else chosen.score
    if score is None:
        return
    is_drawn = chosen is None or best.genotype == str(chosen.genotype)
    spread = f"± {best.sd:.3f} over trainings" if is_drawn and best.sd else None
    yield "Search score", score_text(score), spread
    is_unet = unet is not None and chosen is not None and unet.genotype == str(chosen.genotype)
    if unet is not None and unet.score is not None and not is_unet:
        note = f"its search score {score_text(unet.score, unet.sd)}"
        yield "Difference from the U-Net", difference_text(score - unet.score), note


def _cost_figures(summary: SearchSummary, best: EvaluationSummary) -> Iterator[Figure]:
    """Yield what the chosen network costs, and how long the search took."""
    of, unet = summary.chosen or best, summary.unet
    yield "Parameters", count_text(of.parameters), _of_unet(unet.parameters if unet else None)
    yield "Multiply-accumulates", count_text(of.macs), _of_unet(unet.macs if unet else None)
    spent = sum(evaluation.wall_s or 0.0 for evaluation in summary.evaluations)
    num_trainings = sum(len(evaluation.trainings) for evaluation in summary.evaluations)
    yield "Time", duration_text(spent), counted(num_trainings, "training")


def _retrained(comparison: Comparison) -> Figure:
    """Return the Dice of the comparison's first network on the patients who decide."""
    network = comparison.networks[0]
    summaries = comparison.deciding(network)
    dice = None if summaries is None else summaries.metrics["dice"].overall.mean
    patients = "held-out patients" if comparison.is_held_out else "patients of the folds"
    words = f"{network.name}, trained again; {patients}, grid of the files"
    return ("Dice", score_text(dice), words)


def _of_unet(count: int | None) -> str | None:
    return None if count is None else f"U-Net {count_text(count)}"
