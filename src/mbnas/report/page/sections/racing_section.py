"""What racing saved in a search, or would have saved and changed."""

from __future__ import annotations

from mbnas.report.markup import Markup, element
from mbnas.report.tables.html_table import html_table
from mbnas.results.search_summary import RacingSummary
from mbnas.study.progress.racing_account import RacingAccount
from mbnas.wording import counted, duration_text

_EXPLANATION = (
    "After every block of trainings (all folds of one initialisation), a network is compared with "
    "the incumbent. If the chance that its full mean beats the incumbent’s is below the "
    "threshold, the network is dropped. No network is accepted early."
)


def racing_section(racing: RacingSummary | None) -> Markup | None:
    """Return what racing saves, as text and for a shadow race as a table."""
    if racing is None:
        return None
    return element(
        "section",
        element("h2", "Racing"),
        element("p", _EXPLANATION, class_="quiet"),
        element("p", racing_text(racing)),
        _table(racing.curve, racing.chosen.threshold) if racing.curve else None,
        id="racing",
    )


def racing_text(racing: RacingSummary) -> str:
    """Return what racing saved, or would have saved and changed, as two or three sentences."""
    account = racing.chosen
    if not account.num_raced:
        return "No network had an incumbent to beat yet."
    would = "" if racing.mode == "on" else "would have "
    saved = (
        f"At a threshold of {account.threshold:g}, racing {would}dropped {len(account.dropped)} of "
        f"{counted(account.num_raced, 'network')} that had an incumbent to beat, and {would}saved "
        f"{account.num_saved} of {counted(account.num_trainings, 'training')} "
        f"({_share(account.num_saved, account.num_trainings)}), "
        f"about {duration_text(account.saved_s)} of a worker’s time."
    )
    if racing.mode == "on":
        return f"{saved} Only a search with --racing shadow shows what it changed."
    if not account.num_accepted:
        return f"{saved} The search accepted no network, so racing would have changed nothing."
    changed = (
        f"{saved} Of {counted(account.num_accepted, 'network')} that the search accepted it would "
        f"have dropped {len(account.changed) or 'none'}"
    )
    if not account.changed:
        return f"{changed}."
    numbers = ", ".join(map(str, account.changed))
    return f"{changed}: evaluation{'s' if len(account.changed) > 1 else ''} {numbers}."


def _table(curve: tuple[RacingAccount, ...], chosen: float) -> Markup:
    heads = ("threshold", "networks dropped", "trainings saved", "accepted networks dropped")
    rows = (
        element(
            "tr",
            element("td", f"{account.threshold:g}"),
            element("td", f"{len(account.dropped)} of {account.num_raced}"),
            element("td", _share(account.num_saved, account.num_trainings)),
            element("td", f"{len(account.changed)} of {account.num_accepted}"),
            class_="strong" if account.threshold == chosen else None,
        )
        for account in curve
    )
    return html_table(heads, rows)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "–"
