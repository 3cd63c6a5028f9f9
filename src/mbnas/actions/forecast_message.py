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
    least_hours: float = 0.0,
) -> str:
    """Return a forecast as a sentence.

    Args:
        found: The forecast.
        what: What is counted.
        offer_less: Whether to say how many fit into a shorter time.
        hours: The time, if that is limited instead of the number of networks.
        least_hours: The shortest time in which the result can be confirmed.
    """
    if hours is not None:
        fit = counted(found.networks_within(hours), what)
        if hours < least_hours:
            enough = math.ceil(10 * least_hours) / 10
            return (
                f"{hours:g} h fit about {fit} (by {found.basis}), and are too short to confirm "
                f"one: the result will be the highest of noisy scores. --hours {enough:g} would do."
            )
        return f"{hours:g} h fit about {fit}, the confirmation included (by {found.basis})."
    now = datetime.now().astimezone()
    return forecast_text(found, now, what=what, offer_less=offer_less)
