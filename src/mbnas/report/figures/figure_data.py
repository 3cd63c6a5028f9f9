"""What the figures of a study are drawn from, read from its ledger at one moment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mbnas.results.comparison import Comparison, compare_in_study
from mbnas.results.segmentations.kept_predictions import KeptPredictions, read_predictions
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.progress.contenders import contenders_in
from mbnas.study.progress.search_status import SearchStatus, search_status


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureData:
    """A study from which figures are drawn, at one moment.

    Attributes:
        label: Its name next to other studies.
        directory: Of the study.
        slices: Folder of its prepared slices.
        status: Of its search.
        comparison: Of networks trained again on new initialisations; ``None`` if there are none.
        predictions: Of these networks.
    """

    label: str
    directory: Path
    slices: Path
    status: SearchStatus
    comparison: Comparison | None
    predictions: KeptPredictions


def read_figure_data(study: Study, ledger: Ledger, *, label: str) -> FigureData:
    """Return what the figures of a study are drawn from.

    Args:
        study: Its directory and configuration.
        ledger: Its ledger, open for reading at least.
        label: Its name next to other studies.
    """
    configuration = study.configuration
    with ledger.one_state():
        snapshot = ledger.read(fresh=True)
        status = search_status(snapshot, configuration)
        contenders = contenders_in(snapshot, status)
        predictions = read_predictions(
            ledger, (record for each in contenders for record in each.trainings)
        )
    comparison = (
        compare_in_study(
            contenders,
            configuration,
            class_names=tuple(json.loads(snapshot.facts["classes"])),
            search=status,
        )
        if contenders
        else None
    )
    return FigureData(
        label=label,
        directory=study.path,
        slices=study.slices / snapshot.facts["data"],
        status=status,
        comparison=comparison,
        predictions=predictions,
    )
