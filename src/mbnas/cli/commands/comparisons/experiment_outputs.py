"""The files of an experiment next to its studies: the page, tables and figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from mbnas.cli.show.messages import warn
from mbnas.errors import FigureError
from mbnas.escaping import csv_text
from mbnas.machine.files import check_writable, ready_folder, write_text
from mbnas.network.architecture import Architecture
from mbnas.report.figures.figure_captions import LATEX, figure_latex, figures_latex
from mbnas.report.figures.figure_data import FigureData, read_figure_data
from mbnas.report.figures.study_figures import FIGURES
from mbnas.report.figures.style import FORMATS, save
from mbnas.report.page.experiment_page import write_experiment_page
from mbnas.report.tables.comparison_files import TABLE, write_comparison
from mbnas.report.tables.comparison_table import Table
from mbnas.report.tables.published_table import (
    COLUMNS,
    published_notes,
    published_rows,
    published_tables,
)
from mbnas.results.comparison import Comparison
from mbnas.results.experiment_results import ExperimentResults, PublishedNames, SpaceSearch
from mbnas.results.search_summary import SearchSummary
from mbnas.results.segmentations.kept_predictions import read_predictions
from mbnas.results.segmentations.outlined_cases import Segmentations
from mbnas.results.segmentations.read_segmentations import read_segmentations
from mbnas.scoring.claims import claim_optimism
from mbnas.space.four_spaces import SpaceName
from mbnas.study.directory import FIGURES as FOLDER
from mbnas.study.directory import REPORT
from mbnas.study.experiment import Experiment
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.progress.search_status import SearchStatus
from mbnas.study.retraining.found_networks import FoundNetwork

_PUBLISHED = "published.csv"


class ExperimentPage:
    """The experiment's page, rewritten as the experiment advances.

    Attributes:
        path: The file.
        shown: What it shows now.
    """

    def __init__(self, experiment: Experiment, paper_dataset: str | None) -> None:
        self.path: Path = experiment.directory / REPORT
        self.shown = ExperimentResults(
            name=experiment.directory.resolve().name,
            updated_at=datetime.now(UTC),
            stage=None,
            searches=(),
            paper_dataset=paper_dataset,
        )

    def begin(self, stage: str) -> None:
        """Set what the page shows as under way."""
        self.shown = replace(self.shown, stage=stage)

    def show_search(self, space: SpaceName, summary: SearchSummary) -> None:
        """Write the page with a new summary of one search."""
        searches = {each.name: each for each in self.shown.searches}
        searches[space] = SpaceSearch(name=space, summary=summary, link=f"{space}/{REPORT}")
        self.shown = replace(self.shown, searches=tuple(searches.values()))
        self.write()

    def write(self) -> None:
        """Write the page with the current time."""
        self.shown = replace(self.shown, updated_at=datetime.now(UTC))
        write_experiment_page(self.shown, self.path)


def check_outputs(directory: Path) -> None:
    """Check that the files of an experiment can be written, before its searches.

    Raises:
        WriteError: if one cannot, as its directory is now.
    """
    if not directory.is_dir():
        return  # what makes it tells whether it can be made
    if (directory / FOLDER).exists():
        ready_folder(directory / FOLDER)
    for name in (REPORT, TABLE, _PUBLISHED):
        check_writable(directory / name)


def write_outputs(
    experiment: Experiment,
    page: ExperimentPage,
    comparison: Comparison,
    *,
    found: Sequence[FoundNetwork],
    baselines: Mapping[str, Architecture],
    statuses: Mapping[SpaceName, SearchStatus],
) -> tuple[Table, ...]:
    """Write the tables, figures and page of a finished experiment.

    Returns the tables of the paper's numbers next to the new ones, none if this is not one of
    the paper's datasets.

    Args:
        experiment: With all searches and trainings finished.
        page: Its page.
        comparison: Of the retrained networks.
        found: The networks that the searches found.
        baselines: The other networks of the comparison, by the names asked for.
        statuses: The status of each search.

    Raises:
        WriteError: if a file cannot be written.
    """
    directory = experiment.directory
    names, dataset = tuple(_published_names(comparison, found, baselines)), page.shown.paper_dataset
    published = published_tables(comparison, names, dataset) if dataset else ()
    tables = write_comparison(
        comparison,
        directory,
        heading=f"The paper's experiment: {page.shown.name}",
        study_name=page.shown.name,
        dataset=_dataset_name(experiment),
        more=published,
        more_notes=published_notes(dataset) if dataset else (),
    )
    if dataset:
        text = csv_text(COLUMNS, published_rows(comparison, names, dataset))
        write_text(directory / _PUBLISHED, text)
        tables += (_PUBLISHED,)
    files = [*tables, *_draw_figures(experiment, comparison)]
    page.shown = replace(
        page.shown,
        stage=None,
        comparison=comparison,
        published_names=names,
        optimism=tuple(_optimism(comparison, found, statuses)),
        segmentations=_segmentations(experiment, comparison),
        files=tuple(files),
    )
    page.write()
    return published


def _dataset_name(experiment: Experiment) -> str:
    with Ledger.open(experiment.comparison.ledger, read_only=True) as ledger:
        return ledger.facts()["dataset name"]


def _segmentations(experiment: Experiment, comparison: Comparison) -> Segmentations:
    study = experiment.comparison
    trainings = [record for each in comparison.networks for record in each.trainings]
    with Ledger.open(study.ledger, read_only=True) as ledger, ledger.one_state():
        slices = study.slices / ledger.facts()["data"]
        predictions = read_predictions(ledger, trainings)
    return read_segmentations(slices, comparison, predictions)


def _draw_figures(experiment: Experiment, comparison: Comparison) -> Iterator[str]:
    """Draw the figures, warn of those that cannot be drawn, and yield the paths of their files."""
    studies = {space.capitalize(): study for space, study in experiment.searches.items()}
    folder = experiment.directory / FOLDER
    ready_folder(folder)

    def data(label: str) -> FigureData:
        study = studies.get(label, experiment.comparison)
        with Ledger.open(study.ledger, read_only=True) as ledger:
            return read_figure_data(study, ledger, label=label)

    searches = [data(label) for label in studies]
    compared = replace(data("Comparison"), comparison=comparison)
    title = experiment.directory.resolve().name
    floats = []
    for name, draw in FIGURES.items():
        shown = searches if name == "progress" else [compared]
        try:
            figure = draw(shown)
        except FigureError as error:
            warn(f"No figure of {name}: {error}")
            continue
        floats.append(figure_latex(name, figure, shown, study_name=title))
        for kind in FORMATS:
            path = folder / f"{name}.{kind}"
            save(figure, path, title=f"{title}: {name}")
            yield f"{FOLDER}/{path.name}"
    write_text(folder / LATEX, figures_latex(floats))
    yield f"{FOLDER}/{LATEX}"


def _published_names(
    comparison: Comparison, found: Sequence[FoundNetwork], baselines: Mapping[str, Architecture]
) -> Iterator[PublishedNames]:
    spaces = {str(each.genotype): each.spaces for each in found}
    baseline_names = {str(network): name for name, network in baselines.items()}
    for each in comparison.networks:
        as_baseline = (
            (baseline_names[each.architecture],) if each.architecture in baseline_names else ()
        )
        published = (*spaces.get(each.architecture, ()), *as_baseline)
        yield PublishedNames(name=each.name, published=published)


def _optimism(
    comparison: Comparison,
    found: Sequence[FoundNetwork],
    statuses: Mapping[SpaceName, SearchStatus],
) -> Iterator[str]:
    """Yield a claim that compares each search's best score with that of the retrainings."""
    fresh = {each.architecture: each.search_score.mean for each in comparison.networks}
    for each in found:
        for space in each.spaces:
            best, mean = statuses[space].best, fresh.get(str(each.genotype))
            if best is not None and best.score is not None and mean is not None:
                num_networks = len(statuses[space].complete)
                claim = claim_optimism(best.score, mean, num_networks=num_networks)
                yield f"{space.capitalize()}. {claim}"
