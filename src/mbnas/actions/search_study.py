"""A search: run or resumed, with its page and its live log kept up to date."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from mbnas.actions.events import Message, StageProgress, Watch, telling_epochs, warning
from mbnas.actions.forecast_message import (
    forecast_message,
    too_short_message,
    unconfirmed_message,
)
from mbnas.actions.hold_study import holding
from mbnas.network.cost.complexity import Complexity
from mbnas.report.live.rate_limited_page import RateLimitedPage
from mbnas.report.live.study_log import check_log, logged
from mbnas.report.page.study_page import write_report
from mbnas.results.read_search import read_search
from mbnas.results.search_summary import SearchSummary
from mbnas.search.settings import SearchSettings
from mbnas.study.cost.training_speed import (
    NUM_EXPECTED,
    expected_costs,
    search_forecast,
    training_speed,
)
from mbnas.study.directory import Study
from mbnas.study.drive.dispatcher import FindTraining
from mbnas.study.drive.driver import SearchProgress
from mbnas.study.drive.evaluation_request import Progress
from mbnas.study.drive.run_search import run_search
from mbnas.study.drive.time_limit import least_hours
from mbnas.study.mode.training_mode import describe_choice
from mbnas.study.open_study import OpenStudy
from mbnas.study.pool.worker_pool import configured_workers
from mbnas.study.progress.confirmation_record import confirmation_in
from mbnas.study.progress.search_status import SearchStatus, read_status, time_spent

_FORECAST_EVERY_S = 5.0


def search_study(
    study: Study,
    *,
    command: str,
    watch: Watch,
    find_training: FindTraining | None = None,
    show: Callable[[SearchSummary], None] | None = None,
    forecast: bool = True,
) -> SearchStatus:
    """Run a search to the end of its budget, and return its final status.

    Args:
        study: To begin or resume.
        command: What the user started, shown to users who find the study in use.
        watch: Told of the progress.
        find_training: Finds trainings of other studies.
        show: Called with the search's summary each time its report is written.
        forecast: Whether to tell how long the search will take, which may time a few steps.

    Raises:
        MbnasError: if the search cannot begin or go on; the study can then be resumed.
    """
    protocol = study.configuration.protocol
    check_log(study.configuration)
    watch(
        Message(
            text=f"Protocol {protocol.name}: {protocol.folds} folds × "
            f"{protocol.initialisations} initialisations per network."
        )
    )
    search = study.configuration.search
    if sentence := _nothing_confirmed(search, protocol.initialisations):
        warning(watch)(sentence)
    networks = study.configuration.confirmed_also if search.confirmation > 0 else ()
    with holding(study, command=command, watch=watch, networks=networks) as held:
        if measured := describe_choice(held.ledger.facts()):
            watch(Message(text=f"Trains with {measured}."))
        _tell_of_time(held, watch, forecast=forecast)
        _run(held, watch=watch, find_training=find_training, show=show)
        status = read_status(held.ledger, held.configuration)
        _tell_if_unconfirmed(held, status, watch)
        return status


def _nothing_confirmed(search: SearchSettings, per_network: int) -> str | None:
    """Return a warning if a search confirms nothing though its settings ask for it."""
    if search.confirmation == 0:
        if not search.confirm_also:
            return None
        return (
            f"search.confirm_also (={','.join(search.confirm_also)}) has no effect, because "
            "nothing is confirmed: add --set search.confirmation=0.25."
        )
    if search.hours is not None or search.num_confirming(per_network) > 0:
        return None
    return (
        f"search.evaluations (={search.evaluations}) are too few to confirm a network: the result "
        "will be the highest of noisy scores. "
        f"--evaluations {search.fewest_confirming(per_network)} would do."
    )


def _tell_of_time(held: OpenStudy, watch: Watch, *, forecast: bool) -> None:
    """Tell how long a search will take if that is wanted, and always if it is too short."""
    configuration = held.configuration
    search, hours = configuration.search, configuration.search.hours
    may_be_short = hours is not None and search.confirmation > 0
    if not (forecast or may_be_short) or (found := search_forecast(held)) is None:
        return
    if forecast:
        spent = time_spent(held.ledger.facts())
        spent_hours = 0.0 if spent is None else spent.seconds / 3600
        told = forecast_message(found, offer_less=True, hours=hours, spent_hours=spent_hours)
        watch(Message(text=told))
    least = _least_hours(held, found.training_s)
    if hours is not None and hours < least:
        warning(watch)(too_short_message(hours, least))


def _tell_if_unconfirmed(held: OpenStudy, status: SearchStatus, watch: Watch) -> None:
    """Tell if no time was left to confirm a network, and how much would be enough."""
    record = confirmation_in(held.ledger.facts())
    if status.spent is None or record is None or record.rounds:
        return
    others = [each for each in status.complete if each.genotype != held.configuration.reference]
    if not others or (speed := training_speed(held)) is None:
        return
    least = _least_hours(held, speed.mean_s(expected_costs(held)))
    warning(watch)(unconfirmed_message(status.spent.seconds / 3600 + least))


def _least_hours(held: OpenStudy, training_s: float) -> float:
    configuration = held.configuration
    folds, workers = configuration.protocol.folds, configured_workers(configuration)
    return least_hours(configuration.search, training_s, folds=folds, workers=workers)


def _run(
    held: OpenStudy,
    *,
    watch: Watch,
    find_training: FindTraining | None,
    show: Callable[[SearchSummary], None] | None,
) -> None:
    def rewrite() -> None:
        summary = read_search(held.study, held.ledger)
        write_report(summary, held.study.report)
        if show is not None:
            show(summary)

    page = RateLimitedPage(rewrite)
    events = _Events(held)

    def note(trainings: Progress) -> None:
        if log is not None:
            log(trainings)
        if trainings.complete is not None:
            page.write_if_due()

    def watch_search(progress: SearchProgress) -> None:
        watch(events.of_search(progress))
        note(progress.trainings)

    def watch_confirmation(trainings: Progress) -> None:
        watch(StageProgress(stage="confirming", done=trainings.done, total=trainings.total))
        note(trainings)

    try:
        with logged(held, warn=warning(watch)) as log:
            run_search(
                held,
                watch=watch_search,
                watch_confirmation=watch_confirmation,
                find_training=find_training,
                begun=page.write,
                watch_epoch=telling_epochs(watch),
            )
    finally:
        page.write()


class _Events:
    """From the progress of one proposal to that of the whole search."""

    def __init__(self, held: OpenStudy) -> None:
        self._held = held
        self._expected: Sequence[Complexity] | None = None
        self._left_s: float | None = None
        self._forecast_at_s = -math.inf
        configuration = held.configuration
        self._folds = configuration.protocol.folds
        self._workers = configured_workers(configuration)
        self._total = (
            held.budget().initialisations * self._folds
            if configuration.search.hours is None
            else None
        )

    def of_search(self, progress: SearchProgress) -> StageProgress:
        if progress.left_s is None and progress.trainings.finished is not None:
            self._forecast()
        missing = progress.trainings.total - progress.trainings.done
        return StageProgress(
            stage="searching",
            done=progress.num_initialisations * self._folds - missing,
            total=self._total,
            in_flight=min(missing, self._workers),
            why=progress.proposal.why,
            best=progress.best,
            scored=progress.scored,
            left_s=self._left_s if progress.left_s is None else progress.left_s,
        )

    def _forecast(self) -> None:
        """Estimate the time left by the trainings so far and the networks that follow."""
        if time.monotonic() - self._forecast_at_s < _FORECAST_EVERY_S:
            return
        num_known = len(self._held.ledger.evaluations())
        if self._expected is None or num_known >= NUM_EXPECTED:
            self._expected = expected_costs(self._held)
        found = search_forecast(self._held, self._expected)
        self._left_s = None if found is None else found.seconds
        self._forecast_at_s = time.monotonic()
