"""The section on what a study's workers did and when, and how long it took."""

from __future__ import annotations

from collections.abc import Iterator

from mbnas.report.charts.timeline_chart import (
    MOST_BARS,
    MOST_ROWS,
    draw_timeline,
    draw_timeline_key,
    is_drawn_separately,
)
from mbnas.report.markup import Markup, element
from mbnas.results.timeline import Timeline
from mbnas.study.progress.time_account import TimeAccount
from mbnas.wording import counted, duration_text

_MANY_S = 36_000.0


def timeline_section(
    timeline: Timeline | None, account: TimeAccount | None, *, is_finished: bool
) -> Markup | None:
    """Return which worker trained what and when, and the time; ``None`` if nothing ran here.

    Args:
        timeline: Of the study.
        account: Of the study.
        is_finished: Whether the search has ended, so that it asks for no more networks.
    """
    if timeline is None or account is None or not account.spent.count:
        return None
    unit = _unit(timeline)
    sentences = _sentences(account, unit, is_finished=is_finished)
    return element(
        "section",
        element("h2", "Which worker trained what, and when"),
        _figures(account, unit),
        *(element("p", sentence) for sentence in sentences),
        _figure(timeline),
        id="timeline",
    )


def time_text(seconds: float, unit: str) -> str:
    """Return the time of workers; many hours are given in hours of a unit.

    >>> time_text(75.0, "GPU"), time_text(7_200_000.0, "GPU")
    ('1 min 15 s', '2,000 GPU-hours')
    """
    if seconds < _MANY_S:
        return duration_text(seconds)
    return f"{seconds / 3600:,.0f} {unit}-hours"


def _unit(timeline: Timeline) -> str:
    """Return ``GPU`` if every worker uses one, otherwise ``worker``."""
    rows = timeline.rows
    return "GPU" if rows and all("cuda" in row.name for row in rows) else "worker"


def _figures(account: TimeAccount, unit: str) -> Markup:
    figures = [
        ("Spent", account.spent.seconds, f"total of {counted(account.spent.count, 'run')}"),
        ("Saved", account.saved_s, "as estimated below"),
        ("Wasted", account.wasted_s, "of what was spent"),
    ]
    return element(
        "dl",
        *(
            element(
                "div",
                element("dt", name),
                element("dd", time_text(seconds, unit), element("small", note)),
            )
            for name, seconds, note in figures
            if seconds or name == "Spent"
        ),
        class_="figures",
    )


def _sentences(account: TimeAccount, unit: str, *, is_finished: bool) -> Iterator[str]:
    """Yield a sentence on each part of the account that is not empty."""
    if account.compared.count:
        yield (
            f"Of the time spent, {time_text(account.compared.seconds, unit)} went into "
            f"{counted(account.compared.count, 'training')} of the comparison."
        )
    if account.borrowed.count:
        yield (
            f"{counted(account.borrowed.count, 'training')} {_was(account.borrowed.count)} run for "
            "another study of the experiment and reused here, which saved "
            f"{time_text(account.borrowed.seconds, unit)}."
        )
    if account.asked_again.count:
        yield (
            f"The searcher asked {counted(account.asked_again.count, 'time')} for a network that "
            "was already evaluated; at the average time of an evaluation, that saved "
            f"{time_text(account.asked_again.seconds, unit)}."
        )
    if account.dropped.count:
        yield (
            f"Racing left out {counted(account.dropped.count, 'training')} of dropped networks; at "
            "the average time of their other trainings, that saved "
            f"{time_text(account.dropped.seconds, unit)}."
        )
    if account.failed.count:
        yield (
            f"{counted(account.failed.count, 'run')} failed or {_was(account.failed.count)} lost, "
            f"after {time_text(account.failed.seconds, unit)}."
        )
    if account.ahead.count:
        end = (
            "that the search might have asked for but did not."
            if is_finished
            else "that the search has not asked for yet. If it does, they are already trained."
        )
        yield (
            f"{counted(account.ahead.count, 'training')}, "
            f"{time_text(account.ahead.seconds, unit)} in total, kept idle workers busy with "
            f"networks {end}"
        )


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _figure(timeline: Timeline) -> Markup | None:
    if not timeline.num_bars:
        return None
    return element(
        "figure",
        draw_timeline(timeline, "broad"),
        draw_timeline(timeline, "narrow"),
        draw_timeline_key(timeline),
        element("figcaption", _caption(timeline), class_="quiet small"),
    )


def _caption(timeline: Timeline) -> str:
    separately = is_drawn_separately(timeline)
    words = (
        "A row is a worker and those that replaced it; a bar is a run of one training. Point at a "
        "bar for details."
        if separately
        else "How many workers were busy, and with what. Runs are drawn separately up to "
        f"{MOST_BARS} on {MOST_ROWS} workers; here there are {timeline.num_bars} on "
        f"{len(timeline.rows)}."
    )
    words += " Times are by each worker's own clock, in UTC."
    if len(timeline.stretches) > 1:
        words += " A dashed line marks a time in which nothing ran, which is left out."
    if timeline.num_elsewhere:
        words += f" Not shown: {counted(timeline.num_elsewhere, 'training')} of other studies."
    if timeline.num_undated:
        words += f" Not shown: {counted(timeline.num_undated, 'run')} without a start time."
    return words
