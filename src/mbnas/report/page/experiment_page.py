"""The page of a whole experiment: its searches, what they found, and what that is worth.

Each study has a page of its own, to which this one leads; everything else is inside.
"""

from __future__ import annotations

from pathlib import Path

from mbnas.report.charts.spaces_chart import draw_race
from mbnas.report.drawings.svg_drawing import draw_network
from mbnas.report.page.citing import citing_section
from mbnas.report.page.document import Section, render_document, state_line, write_document
from mbnas.report.page.markup import Markup, element, fragment
from mbnas.report.page.network_panel import genotype_text
from mbnas.report.page.segmentations_section import segmentations_section
from mbnas.report.page.statistics_section import comparison_section, statistics_section
from mbnas.report.tables.published_table import published_notes, published_tables
from mbnas.report.tables.table_text import as_html
from mbnas.results.experiment_results import ExperimentResults, SpaceSearch
from mbnas.space.genotype import Genotype
from mbnas.version import __version__
from mbnas.wording import count_text, score_text


def write_reproduction(reproduction: ExperimentResults, path: Path) -> None:
    """Write the page to ``path``, whole or not at all; its folder is made if need be.

    Raises:
        StudyError: if it cannot be written.
    """
    write_document(render_reproduction(reproduction), path)


def render_reproduction(reproduction: ExperimentResults) -> str:
    """Return the page as HTML: everything it shows is inside, and it fetches nothing."""
    sections = (
        Section("overview", "Overview", _heading(reproduction)),
        Section("searches", "Searches", _searches(reproduction)),
        Section("networks", "Best networks", _networks(reproduction)),
        Section("comparison", "Comparison", _comparison(reproduction)),
        Section("published", "The paper’s numbers", _published(reproduction)),
        Section("statistics", "Statistics", _statistics(reproduction)),
        Section("optimism", "Seen and fresh", _optimism(reproduction)),
        Section(
            "segmentations", "Segmentations", segmentations_section(reproduction.segmentations)
        ),
        Section("files", "Files", _files(reproduction)),
        Section("provenance", "How it was made", _provenance(reproduction)),
        Section("cite", "Cite", citing_section(__version__)),
    )
    return render_document(reproduction.name, sections)


def _heading(reproduction: ExperimentResults) -> Markup:
    is_finished = reproduction.comparison is not None
    return element(
        "header",
        element("p", "mbnas · the paper’s experiment", class_="quiet small"),
        element("h1", reproduction.name),
        element("p", _description(reproduction), class_="quiet"),
        state_line(
            "finished" if is_finished else "running",
            "Finished" if is_finished else "Under way",
            reproduction.stage,
            reproduction.updated_at,
        ),
        id="overview",
    )


def _description(reproduction: ExperimentResults) -> str:
    if not reproduction.searches:
        return "No search has begun yet."
    summary = reproduction.searches[0].summary
    classes = ", ".join(summary.class_names)
    return (
        f"Dataset {summary.dataset_name} ({classes}). Protocol: {summary.protocol_name}. "
        "Searches of several spaces on the same folds; the best networks and the baselines are "
        "then trained anew, on initialisations that no search has seen."
    )


def _searches(reproduction: ExperimentResults) -> Markup | None:
    if not reproduction.searches:
        return None
    heads = ("space", "state", "networks", "best search score", "parameters", "MACs", "")
    rows = (_search_row(each) for each in reproduction.searches)
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
            draw_race(reproduction.searches, "broad"),
            draw_race(reproduction.searches, "narrow"),
            class_="progress",
        ),
        element(
            "div",
            element(
                "table",
                element("thead", element("tr", *map(_head, heads))),
                element("tbody", *rows),
            ),
            class_="wide",
        ),
        id="searches",
    )


def _head(word: str) -> Markup:
    return element("th", word, scope="col", class_="words" if word == "space" else None)


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
        element("td", element("a", "its page", href=search.link)),
    )


def _networks(reproduction: ExperimentResults) -> Markup | None:
    """Return the best network of each search, drawn; one that several found is drawn once."""
    spaces_of: dict[str, list[str]] = {}
    for search in reproduction.searches:
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
            "A node stands at the resolution of its output; its colour is the block, its size the "
            "kernel. An arc brings an earlier node’s output along.",
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


def _comparison(reproduction: ExperimentResults) -> Markup | None:
    comparison = reproduction.comparison
    return None if comparison is None else comparison_section(comparison)


def _published(reproduction: ExperimentResults) -> Markup | None:
    """Return the paper's numbers beside the new ones, if it has this dataset."""
    comparison, dataset = reproduction.comparison, reproduction.paper_dataset
    if comparison is None or dataset is None:
        return None
    return element(
        "section",
        element("h2", "Beside the paper’s numbers"),
        *(
            fragment(element("h3", table.title), as_html(table))
            for table in published_tables(comparison, reproduction.published_names, dataset)
        ),
        *(element("p", note, class_="quiet small") for note in published_notes(dataset)),
        id="published",
    )


def _statistics(reproduction: ExperimentResults) -> Markup | None:
    comparison = reproduction.comparison
    return None if comparison is None else statistics_section(comparison)


def _optimism(reproduction: ExperimentResults) -> Markup | None:
    if not reproduction.optimism:
        return None
    return element(
        "section",
        element("h2", "What the searches saw, and what fresh trainings give"),
        element("ul", *(element("li", claim) for claim in reproduction.optimism), class_="claims"),
        id="optimism",
    )


def _files(reproduction: ExperimentResults) -> Markup | None:
    if not reproduction.files:
        return None
    links = (element("li", element("a", each, href=each)) for each in reproduction.files)
    return element(
        "section",
        element("h2", "Files"),
        element(
            "p",
            "The tables for papers and programs, every patient’s values, and the figures. ",
            element("a", "The comparison’s own page", href="comparison/report.html"),
            " shows what the networks made of the patients.",
        ),
        element("ul", *links, class_="small"),
        id="files",
    )


def _provenance(reproduction: ExperimentResults) -> Markup | None:
    if not reproduction.searches:
        return None
    summary = reproduction.searches[0].summary
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
            "All studies have this configuration but for the name of the space.",
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
