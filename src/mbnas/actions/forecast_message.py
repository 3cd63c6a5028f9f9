"""How long trainings will take, as a sentence said before they begin."""

from __future__ import annotations

from datetime import datetime

from mbnas.study.progress.forecast import Forecast, forecast_text
from mbnas.wording import counted


def forecast_message(
    found: Forecast,
    *,
    what: str = "network",
    offer_less: bool = False,
    hours: float | None = None,
) -> str:
    """Return a forecast as a sentence.

    Args:
        found: The forecast.
        what: What is counted.
        offer_less: Whether to say how many fit into a shorter time.
        hours: The time, if that is limited instead of the number of networks.
    """
    if hours is not None:
        fit = counted(found.networks_within(hours), what)
        return f"{hours:g} h fit about {fit}, the confirmation included (by {found.basis})."
    now = datetime.now().astimezone()
    return forecast_text(found, now, what=what, offer_less=offer_less)
