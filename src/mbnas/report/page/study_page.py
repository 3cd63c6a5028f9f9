"""The report of a study as one page.

All text is written by Python; the page's script only shows and hides it.
"""

from __future__ import annotations

from pathlib import Path

from mbnas.report.charts.search_chart import draw_key, draw_progress
from mbnas.report.markup import Content, Markup, element
from mbnas.report.page.citing import citing_section
from mbnas.report.page.document import Section, render_document, state_line, write_document
from mbnas.report.page.network_panel import NetworkPanels
from mbnas.report.page.sections.confirmation_section import confirmation_section
from mbnas.report.page.sections.evaluations_section import evaluations_section
from mbnas.report.page.sections.explanation_section import explanation_section
from mbnas.report.page.sections.front_section import front_section
from mbnas.report.page.sections.problems_section import problems_section
from mbnas.report.page.sections.racing_section import racing_section
from mbnas.report.page.sections.repeating_section import repeating_section
from mbnas.report.page.sections.segmentations_section import segmentations_section
from mbnas.report.page.sections.statistics_section import comparison_section, statistics_section
from mbnas.report.page.sections.timeline_section import timeline_section
from mbnas.results.comparison import Comparison
from mbnas.results.search_summary import SearchSummary
from mbnas.version import __version__
from mbnas.wording import (
    count_text,
    counted,
    difference_text,
    duration_text,
    score_text,
)


def write_report(summary: SearchSummary, path: Path) -> None:
    """Write the page to ``path`` atomically.

    Raises:
        WriteError: if it cannot be written.
    """
    write_document(render_page(summary), path)


def render_page(summary: SearchSummary) -> str:
    """Return the page as HTML; it contains everything it shows and fetches nothing."""
    panels, compared = NetworkPanels(summary), summary.comparison
    sections = (
        Section("overview", "Overview", _heading(summary)),
        Section("chosen", "Chosen network", confirmation_section(summary.chosen)),
        Section("search", "Search", _progress(summary)),
        Section("best", "Best network", _best(summary, panels)),
        Section("explanation", "What mattered", explanation_section(summary.explanation)),
        Section("front", "Front", front_section(summary.front)),
        Section("comparison", "Comparison", comparison_section(compared) if compared else None),
        Section("statistics", "Statistics", statistics_section(compared)),
        Section("segmentations", "Segmentations", segmentations_section(summary.segmentations)),
        Section("racing", "Racing", racing_section(summary.racing)),
        Section("timeline", "Timeline", _timeline(summary)),
        Section("problems", "Problems", problems_section(summary)),
        Section("evaluations", "All evaluations", evaluations_section(summary)),
        Section("repeat", "Repeat it", repeating_section(summary)),
        Section("cite", "Cite", citing_section(summary.versions.get("mbnas", __version__))),
    )
    templates = map(panels.template, summary.shown)
    return render_document(summary.study_name, sections, templates=templates)


def _heading(summary: SearchSummary) -> Markup:
    done = len(summary.evaluations)
    word = {"running": "Running", "finished": "Finished", "stopped": "Stopped"}[summary.state]
    share = min(1.0, done / max(1, summary.budget))
    return element(
        "header",
        element("p", "mbnas · architecture search", class_="quiet small"),
        element("h1", summary.study_name),
        element("p", _description(summary), class_="quiet"),
        state_line(
            summary.state,
            word,
            f"{done} of {counted(summary.budget, 'evaluation')}",
            summary.updated_at,
        ),
        element("p", _advice(summary), class_="quiet small hint"),
        _meter(share) if summary.state != "finished" else None,
        _figures(summary),
        id="overview",
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


def _advice(summary: SearchSummary) -> str | None:
    if summary.state == "running":
        return (
            "The search is running; this page is updated as evaluations are completed. "
            "Reload it to see newer results."
        )
    if summary.state == "stopped":
        return "The search stopped before it used its budget; the same command resumes it."
    return None


def _meter(share: float) -> Markup:
    return element("div", element("div", style=f"width:{100 * share:.1f}%"), class_="meter")


def _figures(summary: SearchSummary) -> Markup | None:
    """Return the most important numbers."""
    best, unet = summary.best, summary.unet
    if best is None or best.score is None:
        return None
    figures: list[tuple[str, Content, Content]] = [
        (
            "Search score",
            score_text(best.score),
            f"± {best.sd:.3f} over trainings" if best.sd else None,
        )
    ]
    if unet is not None and unet.score is not None:
        difference = difference_text(best.score - unet.score)
        figures.append(
            (
                "Difference from the U-Net",
                difference,
                f"its search score {score_text(unet.score, unet.sd)}",
            )
        )
    if summary.comparison is not None and summary.comparison.networks:
        figures.insert(0, _retrained(summary.comparison))  # the headline
    figures += [
        ("Parameters", count_text(best.parameters), _of_unet(unet.parameters if unet else None)),
        ("Multiply-accumulates", count_text(best.macs), _of_unet(unet.macs if unet else None)),
    ]
    spent = sum(evaluation.wall_s or 0.0 for evaluation in summary.evaluations)
    num_trainings = sum(len(evaluation.trainings) for evaluation in summary.evaluations)
    figures.append(("Time", duration_text(spent), counted(num_trainings, "training")))
    return element(
        "dl",
        *(
            element("div", element("dt", name), element("dd", value, element("small", note)))
            for name, value, note in figures
        ),
        class_="figures",
    )


def _retrained(comparison: Comparison) -> tuple[str, Content, Content]:
    """Return the Dice of the comparison's first network on the patients who decide."""
    network = comparison.networks[0]
    summaries = comparison.deciding(network)
    dice = None if summaries is None else summaries.metrics["dice"].overall.mean
    patients = "held-out patients" if comparison.is_held_out else "patients of the folds"
    words = f"{network.name}, trained again; {patients}, grid of the files"
    return ("Dice", score_text(dice), words)


def _of_unet(count: int | None) -> str | None:
    return None if count is None else f"U-Net {count_text(count)}"


def _progress(summary: SearchSummary) -> Markup:
    title = element("h2", "The search")
    if not summary.evaluations:
        words = "No network has been evaluated yet."
        return element("section", title, element("p", words, class_="quiet"), id="search")
    return element(
        "section",
        title,
        element(
            "p",
            "Each mark is one network; its score is the search score: the mean validation Dice of "
            "its trainings on the prepared grid, over their last epochs.",
            class_="quiet",
        ),
        None if summary.spread is None else element("p", summary.spread, id="spread"),
        element(
            "figure",
            draw_progress(summary, "broad"),
            draw_progress(summary, "narrow"),
            draw_key(summary),
            element("div", class_="tip", hidden="", role="status"),
            class_="progress",
        ),
        element(
            "p",
            "Point at a network to see what was tried; click it to draw it here.",
            class_="quiet small hint",
        ),
        element("div", class_="pinned", hidden=""),
        id="search",
    )


def _best(summary: SearchSummary, panels: NetworkPanels) -> Markup | None:
    best = summary.best
    if best is None:
        return None
    return element(
        "section",
        element(
            "div",
            element("h2", _best_title(summary)),
            element("span", f"evaluation {best.number}", class_="quiet"),
            class_="title",
        ),
        element(
            "p",
            "A node is drawn at the resolution of its output. Its colour shows the block, its size "
            "the kernel. An arc is a skip: it passes an earlier node’s output on.",
            class_="quiet",
        ),
        panels.panel(best),
        element("p", _caution(summary), class_="quiet small"),
        id="best",
    )


def _best_title(summary: SearchSummary) -> str:
    if summary.chosen is not None and summary.chosen.is_confirmed:
        return "The chosen network, drawn"
    return "The best network" if summary.state == "finished" else "The best network so far"


def _caution(summary: SearchSummary) -> str | None:
    if summary.chosen is not None and summary.chosen.is_confirmed:
        return None
    words = "As the highest of many noisy scores, the search score is optimistic"
    if summary.comparison is not None:
        return f"{words}. The comparison below trains the network again on new initialisations."
    return (
        f"{words}. mbnas compare trains the network again on new initialisations and measures it "
        "on the grid of the files."
    )


def _timeline(summary: SearchSummary) -> Markup | None:
    is_finished = summary.state == "finished"
    return timeline_section(summary.timeline, summary.account, is_finished=is_finished)
