"""The report of a study as one page.

All text is written by Python; the page's script only shows and hides it.
"""

from __future__ import annotations

from pathlib import Path

from mbnas.report.charts.search_chart import draw_key, draw_progress
from mbnas.report.markup import Markup, element
from mbnas.report.page.citing import citing_section
from mbnas.report.page.document import Section, render_document, write_document
from mbnas.report.page.explorer import explorer
from mbnas.report.page.network_panel import NetworkPanels
from mbnas.report.page.sections.confirmation_section import confirmation_section
from mbnas.report.page.sections.evaluations_section import evaluations_section
from mbnas.report.page.sections.explanation_section import explanation_section
from mbnas.report.page.sections.front_section import front_section
from mbnas.report.page.sections.overview_section import overview_section
from mbnas.report.page.sections.problems_section import problems_section
from mbnas.report.page.sections.racing_section import racing_section
from mbnas.report.page.sections.repeating_section import repeating_section
from mbnas.report.page.sections.segmentations_section import segmentations_section
from mbnas.report.page.sections.statistics_section import comparison_section, statistics_section
from mbnas.report.page.sections.timeline_section import timeline_section
from mbnas.results.search_summary import SearchSummary
from mbnas.version import __version__


def write_report(summary: SearchSummary, path: Path) -> None:
    """Write the page to ``path`` atomically.

    Raises:
        WriteError: if it cannot be written.
    """
    write_document(render_page(summary), path)


def render_page(summary: SearchSummary, *, edition: int | None = None) -> str:
    """Return the page as HTML; it contains everything it shows and fetches nothing.

    Args:
        summary: Of the study.
        edition: Number of the edition of a page that is served and renews itself; ``None`` for a
            file.
    """
    panels, compared = NetworkPanels(summary), summary.comparison
    sections = (
        Section("overview", "Overview", overview_section(summary, is_served=edition is not None)),
        Section("chosen", "Chosen network", confirmation_section(summary.chosen)),
        Section("best", "The network", _best(summary, panels)),
        Section("comparison", "Comparison", comparison_section(compared) if compared else None),
        Section("statistics", "Statistics", statistics_section(compared)),
        Section("front", "Score and cost", _front(summary)),
        Section("search", "Progress", _progress(summary)),
        Section("explanation", "What mattered", explanation_section(summary.explanation)),
        Section("segmentations", "Segmentations", segmentations_section(summary.segmentations)),
        Section("racing", "Racing", racing_section(summary.racing)),
        Section("timeline", "Timeline", _timeline(summary)),
        Section("problems", "Problems", problems_section(summary)),
        Section("evaluations", "All evaluations", evaluations_section(summary)),
        Section("repeat", "Repeat it", repeating_section(summary)),
        Section("cite", "Cite", citing_section(summary.versions.get("mbnas", __version__))),
    )
    templates = map(panels.template, summary.shown)
    return render_document(summary.study_name, sections, templates=templates, edition=edition)


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
        explorer(
            draw_progress(summary, "broad"), draw_progress(summary, "narrow"), draw_key(summary)
        ),
        id="search",
    )


def _front(summary: SearchSummary) -> Markup | None:
    linked = frozenset(each.number for each in summary.shown)
    return front_section(summary.front, linked=linked, input_name=summary.input_name)


def _best(summary: SearchSummary, panels: NetworkPanels) -> Markup | None:
    best, chosen = summary.best, summary.chosen
    if best is None:
        return None
    is_evaluated = chosen is None or best.genotype == str(chosen.genotype)
    note = f"evaluation {best.number}" if is_evaluated else "not evaluated by the search"
    return element(
        "section",
        element(
            "div",
            element("h2", _best_title(summary)),
            element("span", note, class_="quiet"),
            class_="title",
        ),
        element(
            "p",
            "A node is drawn at the resolution of its output. Its colour shows the block, its size "
            "the kernel. An arc is a skip: it passes an earlier node’s output on.",
            class_="quiet",
        ),
        panels.panel(best) if chosen is None or is_evaluated else panels.drawing(chosen.genotype),
        id="best",
    )


def _best_title(summary: SearchSummary) -> str:
    if summary.chosen is not None and summary.chosen.is_confirmed:
        return "The chosen network, drawn"
    return "The best network" if summary.state == "finished" else "The best network so far"


def _timeline(summary: SearchSummary) -> Markup | None:
    is_finished = summary.state == "finished"
    return timeline_section(summary.timeline, summary.account, is_finished=is_finished)
