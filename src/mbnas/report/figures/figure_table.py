"""Which figures there are, and what of a study each is drawn from."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.errors import FigureError
from mbnas.network.architecture import parse_architecture
from mbnas.report.figures.network_figure import TitledNetwork, draw_networks
from mbnas.report.figures.pareto_figure import Candidate, draw_pareto
from mbnas.report.figures.progress_figure import Run, draw_progress
from mbnas.report.figures.rank_figure import draw_ranks
from mbnas.report.figures.read_examples import collect_examples, shown_networks
from mbnas.report.figures.segmentation_figure import draw_segmentations
from mbnas.results.comparison import Comparison, compare_contenders
from mbnas.scoring.differences import ALPHA
from mbnas.space.genotype import Genotype
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.progress.contenders import compared_in
from mbnas.study.progress.search_status import SearchStatus, status_in
from mbnas.wording import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureData:
    """A study from which figures are drawn, at one moment.

    Attributes:
        label: What to call it beside others.
        study: Its directory and configuration.
        ledger: Its ledger, open for reading at least.
        standing: Where its search stands.
        comparison: Of networks trained anew; ``None`` where none were.
    """

    label: str
    study: Study
    ledger: Ledger
    standing: SearchStatus
    comparison: Comparison | None


def read_figure_data(study: Study, ledger: Ledger, *, label: str) -> FigureData:
    """Return what figures of a study are drawn from."""
    protocol = study.configuration.protocol
    snapshot = ledger.read(fresh=True)
    standing = status_in(snapshot, study.configuration)
    contenders = compared_in(snapshot, standing)
    return FigureData(
        label=label,
        study=study,
        ledger=ledger,
        standing=standing,
        comparison=compare_contenders(
            contenders,
            class_names=tuple(json.loads(snapshot.facts["classes"])),
            num_folds=protocol.folds,
            slice_size=study.configuration.preparation.slice_size,
            searched=standing.best.score if standing.best else None,
            num_searched=len(standing.complete),
            seed=study.configuration.seed,
        )
        if contenders
        else None,
    )


def progress(sources: Sequence[FigureData]) -> Figure:
    """Return the course of one search or several."""
    return draw_progress([_run(each) for each in sources])


def networks(sources: Sequence[FigureData]) -> Figure:
    """Return the best network that was found and those beside it that are genotypes."""
    source = _only(sources)
    best = source.standing.best
    if best is None:
        raise FigureError("No network has a score yet. Let the search run first.")
    compared = source.comparison.networks if source.comparison else ()
    others = [(each.name, parse_architecture(each.architecture)) for each in compared]
    titled = {best.genotype: "Best found"} | {
        architecture: name for name, architecture in others if isinstance(architecture, Genotype)
    }
    return draw_networks(
        [TitledNetwork(title=title, genotype=genotype) for genotype, title in titled.items()]
    )


def ranks(sources: Sequence[FigureData]) -> Figure:
    """Return the critical-difference diagram of a comparison."""
    comparison = _compared(_only(sources))
    test, difference = comparison.friedman, comparison.critical_difference
    if test is None or difference is None:
        raise FigureError(
            f"Ranks need three networks without a failure and two blocks, and there are "
            f"{counted(len(comparison.tested), 'network')}. Add one: mbnas compare --network."
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


def pareto(sources: Sequence[FigureData]) -> Figure:
    """Return what the networks of a comparison cost and how well they do."""
    comparison = _compared(_only(sources))
    candidates = []
    for each in shown_networks(comparison):
        measures = comparison.deciding(each)
        dice = measures.metrics["dice"].overall if measures else None
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


def segmentations(sources: Sequence[FigureData]) -> Figure:
    """Return slices of the best, the median and the worst patient, as all networks see them."""
    source = _only(sources)
    comparison = _compared(source)
    folder = source.study.slices / source.ledger.facts()["data"]
    if not folder.exists():
        raise FigureError("The prepared slices are gone. Run mbnas compare: it makes them anew.")
    examples = collect_examples(PreparedSlices.open(folder), source.ledger, comparison)
    if not examples:
        raise FigureError(
            "No patient was measured by all networks of the comparison. Run mbnas compare."
        )
    return draw_segmentations(
        examples,
        class_names=comparison.class_names,
        network_names=[each.name for each in shown_networks(comparison)],
    )


FIGURES: dict[str, Callable[[Sequence[FigureData]], Figure]] = {
    "progress": progress,
    "networks": networks,
    "ranks": ranks,
    "pareto": pareto,
    "segmentations": segmentations,
}
"""Every figure, by the name of its files. Each raises :class:`FigureError` where it cannot be."""


def _run(source: FigureData) -> Run:
    complete = source.standing.complete
    return Run(
        label=source.label,
        scores=tuple(each.score for each in complete),
        training_s=tuple(sum(record.wall_s for record in each.trainings) for each in complete),
    )


def _only(sources: Sequence[FigureData]) -> FigureData:
    if len(sources) != 1:
        raise FigureError(f"It is drawn of one study, not of {len(sources)}. Name one alone.")
    return sources[0]


def _compared(source: FigureData) -> Comparison:
    if source.comparison is None:
        raise FigureError(f"There is no comparison yet. Run: mbnas compare {source.study.path}")
    return source.comparison
