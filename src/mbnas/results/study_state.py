"""A study at one moment: its search, and the networks that were trained again."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mbnas.results.choice.chosen_network import ChosenNetwork
from mbnas.results.choice.network_decision import chosen_network
from mbnas.results.comparison import Comparison, compare_in_study
from mbnas.results.segmentations.kept_predictions import KeptPredictions, read_predictions
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.snapshot import Snapshot
from mbnas.study.progress.contenders import Contender, contenders_in
from mbnas.study.progress.search_status import SearchStatus, search_status


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyState:
    """What the page and the figures of a study show.

    Attributes:
        snapshot: Of the ledger.
        status: Of the search.
        class_names: Of the foreground classes.
        chosen: The network that the study stands for; ``None`` without a score.
        contenders: Networks trained again on new initialisations.
        comparison: Of these networks; ``None`` if there are none.
        predictions: Of these networks.
    """

    snapshot: Snapshot
    status: SearchStatus
    class_names: tuple[str, ...]
    chosen: ChosenNetwork | None
    contenders: tuple[Contender, ...]
    comparison: Comparison | None
    predictions: KeptPredictions


def read_study_state(study: Study, ledger: Ledger) -> StudyState:
    """Return the state of a study, read in one transaction.

    Args:
        study: Its directory and configuration.
        ledger: Its ledger, open for reading at least.
    """
    configuration = study.configuration
    with ledger.one_state():
        snapshot = ledger.read(fresh=True)
        status = search_status(snapshot, configuration)
        chosen = chosen_network(snapshot, status, configuration)
        contenders = contenders_in(snapshot, None if chosen is None else chosen.genotype)
        predictions = read_predictions(
            ledger, (record for each in contenders for record in each.trainings)
        )
    class_names = tuple(json.loads(snapshot.facts["classes"]))
    comparison = (
        compare_in_study(
            contenders,
            configuration,
            class_names=class_names,
            unit=snapshot.facts.unit,
            search=status,
            chosen=chosen,
        )
        if contenders
        else None
    )
    return StudyState(
        snapshot=snapshot,
        status=status,
        class_names=class_names,
        chosen=chosen,
        contenders=contenders,
        comparison=comparison,
        predictions=predictions,
    )
