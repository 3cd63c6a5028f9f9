"""A comparison: networks retrained on new initialisations, its files and the study's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mbnas.actions.events import Message, Watch, counted_by, telling_epochs, warning
from mbnas.actions.forecast_message import forecast_message
from mbnas.actions.hold_study import holding
from mbnas.actions.named_networks import networks_named, read_chosen
from mbnas.bounds import check_bound
from mbnas.machine.files import check_writable
from mbnas.machine.load import load_warning
from mbnas.network.architecture import Architecture
from mbnas.report.live.study_log import check_log, logged
from mbnas.report.page.study_page import write_report
from mbnas.report.tables.comparison_files import ready_comparison, write_comparison
from mbnas.results.comparison import Comparison
from mbnas.results.read_search import read_search
from mbnas.study.cost.training_speed import retraining_forecast
from mbnas.study.directory import Study
from mbnas.study.drive.evaluation_request import Progress
from mbnas.study.drive.evaluation_request import Watch as WatchTrainings
from mbnas.study.open_study import OpenStudy
from mbnas.study.retraining.found_networks import retrain
from mbnas.training.training_record import MOST_FRESH

NETWORKS = ("best", "unet-genotype", "unet", "resunet")
"""The default networks: those of the paper's Table 1."""


def compare_study(
    study: Study,
    names: Sequence[str] = NETWORKS,
    *,
    initialisations: int,
    output: Path | None = None,
    command: str,
    watch: Watch,
    forecast: bool = True,
) -> Comparison:
    """Retrain networks of a study, and write their comparison and the report.

    Args:
        study: The study.
        names: As for :func:`compare_networks`.
        initialisations: Number of new initialisations, 1 to ``MOST_FRESH``.
        output: As for :func:`compare_networks`.
        command: What the user started, shown to users who find the study in use.
        watch: Told of the progress, and if the machine is too busy to measure latency.
        forecast: Whether to tell how long it will take, which may time a few steps.

    Raises:
        MbnasError: if a network, a setting or the study does not allow it.
    """
    check_bound("--initialisations", initialisations, 1, MOST_FRESH)
    check_log(study.configuration)
    networks = named_others(names, study).values()
    if sentence := load_warning():
        warning(watch)(sentence)
    with holding(study, command=command, watch=watch, networks=networks) as held:
        ready_comparison(output or study.comparison)
        check_writable(study.report)
        return compare_networks(
            held,
            names,
            initialisations=initialisations,
            output=output,
            watch=watch,
            forecast=forecast,
        )


def compare_networks(
    held: OpenStudy,
    names: Sequence[str],
    *,
    initialisations: int,
    output: Path | None = None,
    watch: Watch,
    forecast: bool = True,
) -> Comparison:
    """Retrain networks on new initialisations, and write their comparison and the report.

    Args:
        held: The study, held by this process.
        names: Names of the networks; ``best`` is the one that the study stands for.
        initialisations: Number of new initialisations.
        output: Where files go; the study's comparison folder by default.
        watch: Told of the progress.
        forecast: Whether to tell how long it will take, which may time a few steps.

    Raises:
        StudyError: if ``best`` is among the names and no network of the study has a score.
    """
    study, others = held.study, named_others(names, held.study)
    networks = [
        others[each] if each in others else read_chosen(study, held.ledger).genotype
        for each in names
    ]
    _tell_of_same(dict(zip(names, networks, strict=True)), watch)
    if forecast:
        found = retraining_forecast(held, networks, initialisations=initialisations)
        if found is not None:
            watch(Message(text=forecast_message(found)))
    with logged(held, warn=warning(watch)) as log:
        watched = watching_trainings(watch, log)
        retrain(
            held,
            networks,
            initialisations=initialisations,
            watch=watched,
            watch_epoch=telling_epochs(watch),
        )
    summary = read_search(study, held.ledger)
    assert summary.comparison is not None
    write_report(summary, study.report)
    write_comparison(
        summary.comparison,
        output or study.comparison,
        heading=f"Comparison: {summary.study_name}",
        study_name=summary.study_name,
        dataset=summary.dataset_name,
    )
    return summary.comparison


def _tell_of_same(networks: Mapping[str, Architecture], watch: Watch) -> None:
    """Tell which names are those of one network."""
    for network in dict.fromkeys(networks.values()):
        names = " and ".join(name for name, each in networks.items() if each == network)
        if len(networks) > 1 and len(set(networks.values())) == 1:
            warning(watch)(
                f"{names} are the same network, so nothing is compared. Name another, such as unet."
            )
        elif names not in networks:
            watch(Message(text=f"{names} are the same network, which is compared once."))


def named_others(names: Sequence[str], study: Study) -> dict[str, Architecture]:
    """Return all networks but ``best``, which takes an open study to find."""
    return networks_named(
        (name for name in names if name != "best"),
        num_levels=study.configuration.space.num_levels,
    )


def watching_trainings(watch: Watch, log: WatchTrainings | None = None) -> WatchTrainings:
    """Return a watch of trainings that tells of a comparison's progress, and passes it to a log."""
    count = counted_by(watch, "comparing")

    def watched(trainings: Progress) -> None:
        count(trainings.done, trainings.total)
        if log is not None:
            log(trainings)

    return watched
