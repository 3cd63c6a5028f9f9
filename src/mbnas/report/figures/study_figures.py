"""The figures of a study, by name, each as a function of what was read from the study."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.figure import Figure

from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.errors import FigureError
from mbnas.network.architecture import parse_architecture
from mbnas.report.figures.figure_data import FigureData
from mbnas.report.figures.front_figure import draw_search_front
from mbnas.report.figures.network_figure import TitledNetwork, draw_networks
from mbnas.report.figures.pareto_figure import Candidate, draw_pareto
from mbnas.report.figures.progress_figure import Run, draw_progress
from mbnas.report.figures.rank_figure import draw_ranks
from mbnas.report.figures.read_examples import read_examples, validated_networks
from mbnas.report.figures.segmentation_figure import draw_segmentations
from mbnas.results.comparison import Comparison
from mbnas.scoring.differences import ALPHA
from mbnas.space.genotype import Genotype
from mbnas.wording import counted


def progress(studies: Sequence[FigureData]) -> Figure:
    """Return the best score so far of one search or several."""
    return draw_progress([_run(each) for each in studies])


def networks(studies: Sequence[FigureData]) -> Figure:
    """Return the network that the study stands for and the other genotypes of the comparison."""
    study = _only(studies)
    chosen = study.chosen
    if chosen is None:
        raise FigureError("No network has a score yet. Let the search run first.")
    compared = study.comparison.networks if study.comparison else ()
    others = [(each.name, parse_architecture(each.architecture)) for each in compared]
    titled = {chosen.genotype: "Chosen" if chosen.is_confirmed else "Best found"} | {
        architecture: name for name, architecture in others if isinstance(architecture, Genotype)
    }
    return draw_networks(
        [TitledNetwork(title=title, genotype=genotype) for genotype, title in titled.items()]
    )


def ranks(studies: Sequence[FigureData]) -> Figure:
    """Return the critical-difference diagram of a comparison."""
    comparison = _compared(_only(studies))
    test, difference = comparison.friedman, comparison.critical_difference
    if test is None or difference is None:
        raise FigureError(
            "Ranks need three networks without a failed training and two blocks, and this "
            f"comparison has {counted(len(comparison.tested), 'network')}. Add one: mbnas compare "
            "--network."
        )
    p = "p < 0.001" if test.f_p < 0.001 else f"p = {test.f_p:.2g}"
    return draw_ranks(
        comparison.tested_names,
        test.average_ranks,
        difference,
        notes=(
            f"Joined: ranks within the critical difference (Nemenyi, α = {ALPHA}).",
            f"Friedman's test over {counted(test.num_blocks, 'block')}: {p}.",
            "As in the paper; blocks are not independent, so p is too small.",
        ),
    )


def pareto(studies: Sequence[FigureData]) -> Figure:
    """Return the Dice of the networks of a comparison against their costs."""
    comparison = _compared(_only(studies))
    candidates = []
    for each in validated_networks(comparison):
        summaries = comparison.deciding(each)
        dice = summaries.metrics["dice"].overall if summaries else None
        if dice and dice.mean is not None and each.parameters and each.macs:
            candidates.append(
                Candidate(
                    name=each.name,
                    dice=dice.mean,
                    sd=dice.sd,
                    parameters=each.parameters,
                    macs=each.macs,
                )
            )
    return draw_pareto(candidates, slice_size=comparison.slice_size)


def front(studies: Sequence[FigureData]) -> Figure:
    """Return the search scores of networks against their costs."""
    found = _only(studies).front
    if found is None:
        raise FigureError("The search has no cost among its objectives. Search with --objective.")
    return draw_search_front(found)


def segmentations(studies: Sequence[FigureData]) -> Figure:
    """Return slices of the best, the median and the worst patient with all segmentations."""
    study = _only(studies)
    comparison = _compared(study)
    if not study.slices.exists():
        raise FigureError(
            "The prepared slices no longer exist. Run mbnas compare: it prepares them again."
        )
    examples = read_examples(PreparedSlices.open(study.slices), comparison, study.predictions)
    if not examples:
        raise FigureError(
            "No patient was measured by all networks of the comparison. Run mbnas compare."
        )
    return draw_segmentations(
        examples,
        class_names=comparison.class_names,
        network_names=[each.name for each in validated_networks(comparison)],
    )


FIGURES: dict[str, Callable[[Sequence[FigureData]], Figure]] = {
    "progress": progress,
    "networks": networks,
    "ranks": ranks,
    "pareto": pareto,
    "segmentations": segmentations,
}
"""Every figure, by the name of its files; it raises :class:`FigureError` if it cannot be drawn."""


def figures_of(
    studies: Sequence[FigureData],
) -> dict[str, Callable[[Sequence[FigureData]], Figure]]:
    """Return the figures of studies by name; that of a front only if a front was searched."""
    if len(studies) == 1 and studies[0].front is not None:
        return FIGURES | {"front": front}
    return FIGURES


def _run(study: FigureData) -> Run:
    complete = study.status.complete
    return Run(
        label=study.label,
        scores=tuple(each.score for each in complete),
        training_s=tuple(sum(record.wall_s for record in each.trainings) for each in complete),
    )


def _only(studies: Sequence[FigureData]) -> FigureData:
    if len(studies) != 1:
        raise FigureError(f"It shows one study, not {len(studies)}. Name a single study.")
    return studies[0]


def _compared(study: FigureData) -> Comparison:
    if study.comparison is None:
        raise FigureError(f"There is no comparison yet. Run: mbnas compare {study.directory}")
    return study.comparison
