"""What a study's workers did and when, and what that cost, in words and as a picture."""

from __future__ import annotations

from collections.abc import Iterator

from mbnas.report.charts.timeline_chart import (
    MOST_BARS,
    MOST_ROWS,
    draw_timeline,
    draw_timeline_key,
    is_drawn_singly,
)
from mbnas.report.page.markup import Markup, element
from mbnas.results.timeline import Timeline
from mbnas.study.progress.time_account import Account
from mbnas.wording import counted, duration_text

_MANY_S = 36_000.0


def timeline_section(
    timeline: Timeline | None, account: Account | None, *, is_finished: bool
) -> Markup | None:
    """Return who trained what and when and what it cost, ``None`` where nothing ran here.

    Args:
        timeline: Of the study.
        account: Of the study.
        is_finished: Whether the search has ended, so that what it has not asked for it never will.
    """
    if timeline is None or account is None or not account.spent.count:
        return None
    unit = _unit(timeline)
    sentences = _sentences(account, unit, is_finished=is_finished)
    return element(
        "section",
        element("h2", "Who trained what, and when"),
        _figures(account, unit),
        *(element("p", sentence) for sentence in sentences),
        _figure(timeline),
        id="timeline",
    )


def time_text(seconds: float, unit: str) -> str:
    """Return time of workers: hours where there are many, and what of.

    >>> time_text(75.0, "GPU"), time_text(7_200_000.0, "GPU")
    ('1 min 15 s', '2,000 GPU-hours')
    """
    if seconds < _MANY_S:
        return duration_text(seconds)
    return f"{seconds / 3600:,.0f} {unit}-hours"


def _unit(timeline: Timeline) -> str:
    """Return what a worker keeps busy, where all of them keep the same."""
    rows = timeline.rows
    return "GPU" if rows and all("cuda" in row.name for row in rows) else "worker"


def _figures(account: Account, unit: str) -> Markup:
    figures = [
        ("Spent", account.spent.seconds, f"{counted(account.spent.count, 'run')}, added up"),
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


def _sentences(account: Account, unit: str, *, is_finished: bool) -> Iterator[str]:
    """Yield what each part of the account is, of those that are there."""
    if account.compared.count:
        yield (
            f"Of the time spent, {time_text(account.compared.seconds, unit)} went into "
            f"{counted(account.compared.count, 'training')} of the comparison."
        )
    if account.borrowed.count:
        yield (
            f"{counted(account.borrowed.count, 'training')} had been run for another study of the "
            f"experiment and {_was(account.borrowed.count)} taken from there, which saved "
            f"{time_text(account.borrowed.seconds, unit)}."
        )
    if account.asked_again.count:
        yield (
            f"The searcher asked {counted(account.asked_again.count, 'time')} for a network that "
            "it knew already; at what an evaluation takes on average, that saved "
            f"{time_text(account.asked_again.seconds, unit)}."
        )
    if account.dropped.count:
        yield (
            f"Racing left out {counted(account.dropped.count, 'training')} of networks that had "
            "fallen behind; at what their other trainings took, that saved "
            f"{time_text(account.dropped.seconds, unit)}."
        )
    if account.failed.count:
        yield (
            f"{counted(account.failed.count, 'run')} failed or came to nothing, after "
            f"{time_text(account.failed.seconds, unit)}."
        )
    if account.ahead.count:
        end = (
            "and the search never asked for."
            if is_finished
            else "and the search has not asked for yet: if it does, they are there."
        )
        yield (
            f"{counted(account.ahead.count, 'training')}, "
            f"{time_text(account.ahead.seconds, unit)} together, filled idle workers with "
            f"networks that the search might want next {end}"
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
    singly = is_drawn_singly(timeline)
    words = (
        "A lane is a worker, or one after another in the same place; a bar is a run of one "
        "training. Point at one to see which."
        if singly
        else "How many workers were busy, and with what. Runs are drawn one by one up to "
        f"{MOST_BARS} on {MOST_ROWS} workers; here are {timeline.num_bars} on "
        f"{len(timeline.rows)}."
    )
    words += " Times are by each worker's own clock, in UTC."
    if len(timeline.stretches) > 1:
        words += " A dashed line is a time in which nothing ran: it is left out."
    if timeline.num_elsewhere:
        words += f" {counted(timeline.num_elsewhere, 'training')} of other studies not shown."
    if timeline.num_undated:
        words += f" {counted(timeline.num_undated, 'run')} without a date not shown."
    return words
