"""What the figures of a study are drawn from, read from its ledger at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mbnas.results.choice.chosen_network import ChosenNetwork
from mbnas.results.comparison import Comparison
from mbnas.results.fronts.search_front import SearchFront, objective_front
from mbnas.results.segmentations.kept_predictions import KeptPredictions
from mbnas.results.study_state import read_study_state
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.progress.search_status import SearchStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureData:
    """A study from which figures are drawn, at one moment.

    Attributes:
        label: Its name next to other studies.
        dataset: Name of its dataset.
        directory: Of the study.
        slices: Folder of its prepared slices.
        status: Of its search.
        chosen: The network that it stands for; ``None`` without a score.
        front: Of the search, if low cost is an objective.
        comparison: Of networks trained again on new initialisations; ``None`` if there are none.
        predictions: Of these networks.
    """

    label: str
    dataset: str
    directory: Path
    slices: Path
    status: SearchStatus
    chosen: ChosenNetwork | None
    comparison: Comparison | None
    predictions: KeptPredictions
    front: SearchFront | None = None


def read_figure_data(study: Study, ledger: Ledger, *, label: str) -> FigureData:
    """Return what the figures of a study are drawn from.

    Args:
        study: Its directory and configuration.
        ledger: Its ledger, open for reading at least.
        label: Its name next to other studies.
    """
    state = read_study_state(study, ledger)
    return FigureData(
        label=label,
        dataset=state.snapshot.facts["dataset name"],
        directory=study.path,
        slices=study.slices / state.snapshot.facts["data"],
        status=state.status,
        chosen=state.chosen,
        comparison=state.comparison,
        predictions=state.predictions,
        front=objective_front(study.configuration, state.snapshot, state.status),
    )
