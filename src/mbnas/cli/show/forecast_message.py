"""How long trainings will take, said before they begin."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from mbnas.cli.show.messages import error_console, say
from mbnas.study.progress.forecast import Forecast, forecast_text
from mbnas.wording import counted


def say_forecast(
    make: Callable[[], Forecast | None],
    *,
    what: str = "network",
    offer_less: bool = False,
    hours: float | None = None,
) -> None:
    """Print a forecast, if standard error is a terminal and there is one.

    Args:
        make: Makes it; not called if nobody would read it, since it may time a few steps.
        what: What is counted.
        offer_less: Whether to say how many fit into a shorter time.
        hours: The time, if that is limited instead of the number of networks.
    """
    if not error_console().is_terminal:
        return
    if (found := make()) is not None:
        if hours is not None:
            fit = counted(found.networks_within(hours), what)
            say(f"{hours:g} h fit about {fit}, the confirmation included (by {found.basis}).")
            return
        now = datetime.now().astimezone()
        say(forecast_text(found, now, what=what, offer_less=offer_less))
