"""How long trainings will take, as a sentence said before they begin."""

from __future__ import annotations

import math
from datetime import datetime

from mbnas.study.progress.forecast import Forecast, forecast_text
from mbnas.wording import counted


def forecast_message(
    found: Forecast,
    *,
    what: str = "network",
    offer_less: bool = False,
    hours: float | None = None,
    spent_hours: float = 0.0,
) -> str:
    """Return a forecast as a sentence.

    Args:
        found: The forecast.
        what: What is counted.
        offer_less: Whether to say how many fit into a shorter time.
        hours: The time, if that is limited instead of the number of networks.
        spent_hours: How much of it earlier runs have taken.
    """
    if hours is not None:
        left = max(0.0, hours - spent_hours)
        time = f"The {left:.2g} h left of {hours:g} h" if spent_hours else f"{hours:g} h"
        fit = counted(found.networks_within(left), what)
        return f"{time} fit about {fit}, those confirmed included (by {found.basis})."
    now = datetime.now().astimezone()
    return forecast_text(found, now, what=what, offer_less=offer_less)


def too_short_message(hours: float, least_hours: float) -> str:
    """Return that the time of a search is too short to confirm what it finds.

    >>> too_short_message(0.5, 0.61).endswith("--hours 0.7 would do.")
    True

    Args:
        hours: The time.
        least_hours: The shortest time in which the result can be confirmed.
    """
    return (
        f"{hours:g} h are too short to confirm a network: the result will be the highest of noisy "
        f"scores. --hours {_rounded_up(least_hours):g} would do."
    )


def unconfirmed_message(hours: float) -> str:
    """Return that a search had no time left to confirm what it found.

    >>> unconfirmed_message(1.234)[-68:]
    'The same command with --hours 1.3 continues this study and confirms.'

    Args:
        hours: The shortest time in which this study can end with a confirmation.
    """
    return (
        "No time was left to confirm a network, so the result is the highest of noisy scores. The "
        f"same command with --hours {_rounded_up(hours):g} continues this study and confirms."
    )


def _rounded_up(hours: float) -> float:
    return math.ceil(10 * hours) / 10
