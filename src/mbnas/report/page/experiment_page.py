"""The page of an experiment: its searches, the networks found, and their comparison.

It links to the page of each study and contains everything else.
"""

from __future__ import annotations

from pathlib import Path

from mbnas.report.charts.spaces_chart import draw_spaces
from mbnas.report.drawings.svg_drawing import draw_network
from mbnas.report.markup import Markup, element, fragment
from mbnas.report.page.citing import citing_section
from mbnas.report.page.document import Section, render_document, state_line, write_document
from mbnas.report.page.network_panel import genotype_text
from mbnas.report.page.sections.segmentations_section import segmentations_section
from mbnas.report.page.sections.statistics_section import comparison_section, statistics_section
from mbnas.report.tables.html_table import html_table
from mbnas.report.tables.published_table import published_notes, published_tables
from mbnas.report.tables.table_text import as_html
from mbnas.results.experiment_results import ExperimentResults, SpaceSearch
from mbnas.space.genotype import Genotype
from mbnas.version import __version__
from mbnas.wording import count_text, score_text


def write_experiment_page(results: ExperimentResults, path: Path) -> None:
    """Write the page to ``path`` atomically; its folder is created if it does not exist.

    Raises:
        WriteError: if it cannot be written.
    """
    write_document(render_experiment_page(results), path)


def render_experiment_page(results: ExperimentResults) -> str:
    """Return the page as HTML; it contains everything it shows and fetches nothing."""
    sections = (
        Section("overview", "Overview", _heading(results)),
        Section("searches", "Searches", _searches(results)),
        Section("networks", "Best networks", _networks(results)),
        Section("comparison", "Comparison", _comparison(results)),
        Section("published", "The paper’s numbers", _published(results)),
        Section("statistics", "Statistics", _statistics(results)),
        Section("optimism", "Optimism", _optimism(results)),
        Section("segmentations", "Segmentations", segmentations_section(results.segmentations)),
        Section("files", "Files", _files(results)),
        Section("provenance", "How it was made", _provenance(results)),
        Section("cite", "Cite", citing_section(__version__)),
    )
    return render_document(results.name, sections)


def _heading(results: ExperimentResults) -> Markup:
    is_finished = results.comparison is not None
    return element(
        "header",
        element("p", "mbnas · the paper’s experiment", class_="quiet small"),
        element("h1", results.name),
        element("p", _description(results), class_="quiet"),
        state_line(
            "finished" if is_finished else "running",
            "Finished" if is_finished else "Running",
            results.stage,
            results.updated_at,
        ),
        id="overview",
    )


def _description(results: ExperimentResults) -> str:
    if not results.searches:
        return "No search has begun yet."
    summary = results.searches[0].summary
    classes = ", ".join(summary.class_names)
    return (
        f"Dataset {summary.dataset_name} ({classes}). Protocol: {summary.protocol_name}. "
        "Several spaces are searched on the same folds. The best networks and the baselines are "
        "then trained again on new initialisations that no search has seen."
    )


def _searches(results: ExperimentResults) -> Markup | None:
    if not results.searches:
        return None
    heads = ("space", "state", "networks", "best search score", "parameters", "MACs", "")
    rows = (_search_row(each) for each in results.searches)
    return element(
        "section",
        element("h2", "The searches"),
        element(
            "p",
            "The best search score so far of each search: the mean validation Dice of a network’s "
            "trainings on the prepared grid, over their last epochs.",
            class_="quiet",
        ),
        element(
            "figure",
            draw_spaces(results.searches, "broad"),
            draw_spaces(results.searches, "narrow"),
            class_="progress",
        ),
        html_table(heads, rows, words=(0,)),
        id="searches",
    )


def _search_row(search: SpaceSearch) -> Markup:
    summary, best = search.summary, search.summary.best
    return element(
        "tr",
        element("th", search.name, scope="row", class_="words"),
        element("td", summary.state),
        element("td", f"{len(summary.evaluations)} of {summary.budget}"),
        element("td", score_text(best.score if best else None)),
        element("td", count_text(best.parameters if best else None)),
        element("td", count_text(best.macs if best else None)),
        element("td", element("a", "report", href=search.link)),
    )


def _networks(results: ExperimentResults) -> Markup | None:
    """Return drawings of the best network of each search; one that several found is drawn once."""
    spaces_of: dict[str, list[str]] = {}
    for search in results.searches:
        if search.summary.best is not None:
            spaces_of.setdefault(search.summary.best.genotype, []).append(search.name)
    genotypes = {text: Genotype.parse(text) for text in spaces_of}
    blocks = {node.block for genotype in genotypes.values() for node in genotype.nodes}
    if not genotypes:
        return None
    return element(
        "section",
        element("h2", "The best networks"),
        element(
            "p",
            "A node is drawn at the resolution of its output. Its colour shows the block, its size "
            "the kernel. An arc is a skip: it passes an earlier node’s output on.",
            class_="quiet",
        ),
        *(
            fragment(
                element("h3", " and ".join(spaces).capitalize()),
                element(
                    "div",
                    Markup(draw_network(genotypes[text], blocks=blocks, inline=True)),
                    class_="drawing",
                ),
                element("div", element("code", genotype_text(text)), class_="genotype"),
            )
            for text, spaces in spaces_of.items()
        ),
        id="networks",
    )


def _comparison(results: ExperimentResults) -> Markup | None:
    comparison = results.comparison
    return None if comparison is None else comparison_section(comparison)


def _published(results: ExperimentResults) -> Markup | None:
    """Return the paper's numbers next to the new ones, if it has this dataset."""
    comparison, dataset = results.comparison, results.paper_dataset
    if comparison is None or dataset is None:
        return None
    return element(
        "section",
        element("h2", "Next to the paper’s numbers"),
        *(
            fragment(element("h3", table.title), as_html(table))
            for table in published_tables(comparison, results.published_names, dataset)
        ),
        *(element("p", note, class_="quiet small") for note in published_notes(dataset)),
        id="published",
    )


def _statistics(results: ExperimentResults) -> Markup | None:
    comparison = results.comparison
    return None if comparison is None else statistics_section(comparison)


def _optimism(results: ExperimentResults) -> Markup | None:
    if not results.optimism:
        return None
    return element(
        "section",
        element("h2", "Search scores and the scores of fresh trainings"),
        element("ul", *(element("li", claim) for claim in results.optimism), class_="claims"),
        id="optimism",
    )


def _files(results: ExperimentResults) -> Markup | None:
    if not results.files:
        return None
    links = (element("li", element("a", each, href=each)) for each in results.files)
    return element(
        "section",
        element("h2", "Files"),
        element(
            "p",
            "The tables for papers and for programs, every patient’s values, and the figures. ",
            element("a", "The report of the comparison", href="comparison/report.html"),
            " shows the segmentations of all networks.",
        ),
        element("ul", *links, class_="small"),
        id="files",
    )


def _provenance(results: ExperimentResults) -> Markup | None:
    if not results.searches:
        return None
    summary = results.searches[0].summary
    versions = fragment(
        *(
            fragment(element("dt", name), element("dd", version))
            for name, version in summary.versions.items()
        )
    )
    return element(
        "section",
        element("h2", "How it was made"),
        element(
            "p",
            "All studies share this configuration except for the name of the space.",
            class_="quiet",
        ),
        element(
            "details",
            element("summary", "Configuration"),
            element("pre", summary.configuration_toml.strip()),
            class_="printed",
        ),
        element(
            "details",
            element("summary", "Versions"),
            element("dl", versions, class_="facts"),
            class_="printed",
        ),
        id="provenance",
    )
