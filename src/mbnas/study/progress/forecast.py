"""How long trainings will take, before they begin.

The time of a training is taken to be proportional to the activations of its network until trainings
of several networks are known, and then a constant and multiples of its activations and of its
multiply-accumulates. That is an estimate. Activations, not multiply-accumulates, come first because
small networks spend their time on reading and writing values.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from scipy.optimize import nnls

from mbnas.network.cost.complexity import Complexity
from mbnas.wording import counted, duration_text

_SMALLER_H = (1.0, 2.0, 4.0, 8.0, 12.0, 24.0, 48.0, 96.0, 168.0)
_SMALLER_PART = 0.5  # a smaller budget that is offered takes at most this part of the time
_WEEK = timedelta(days=6)
_ENOUGH_COSTS = 5  # networks of different costs that tell a constant part of the time


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSpeed:
    """How fast a study trains.

    Attributes:
        s_per_activation: Seconds that a worker needs for a training, for each activation that its
            network has for a slice.
        workers: How many trainings run at a time.
        basis: What it was measured on, as text.
        base_s: Seconds that a training needs whatever its network is.
        s_per_mac: Seconds for each multiply-accumulate.
    """

    s_per_activation: float
    workers: int
    basis: str
    base_s: float = 0.0
    s_per_mac: float = 0.0

    def training_s(self, cost: Complexity) -> float:
        """Return how long a training occupies a worker.

        Args:
            cost: Of its network for a slice.
        """
        return (
            self.base_s
            + cost.activations * self.s_per_activation
            + cost.multiply_accumulates * self.s_per_mac
        )

    def mean_s(self, costs: Sequence[Complexity]) -> float:
        """Return how long a training of one of some networks occupies a worker, on average."""
        return math.fsum(map(self.training_s, costs)) / len(costs)

    def scaled(self, factor: float) -> TrainingSpeed:
        """Return the speed of trainings that see ``factor`` times as many slices."""
        return replace(
            self,
            s_per_activation=factor * self.s_per_activation,
            base_s=factor * self.base_s,
            s_per_mac=factor * self.s_per_mac,
        )


def speed_of_steps(
    network_s: float, *, cost: Complexity, num_trainings: int, measured_workers: int, workers: int
) -> TrainingSpeed:
    """Return the speed that a measurement of steps gives.

    Args:
        network_s: How long all trainings of a network would take, with all workers busy.
        cost: Of the network that was measured.
        num_trainings: Trainings of a network.
        measured_workers: Workers during the measurement.
        workers: Workers that train.
    """
    return TrainingSpeed(
        s_per_activation=network_s * measured_workers / num_trainings / cost.activations,
        workers=workers,
        basis="a measurement of training steps",
    )


def speed_of_trainings(
    trainings: Iterable[tuple[float, Complexity]], *, workers: int
) -> TrainingSpeed | None:
    """Return the speed of trainings that have ended, ``None`` if there are none.

    Args:
        trainings: Of each, its duration in seconds and the cost of its network.
        workers: Workers that train.
    """
    ended = [(seconds, cost) for seconds, cost in trainings if seconds > 0]
    if not ended:
        return None
    seconds = np.array([each for each, _ in ended])
    work = np.array([(1, cost.activations, cost.multiply_accumulates) for _, cost in ended], float)
    scale = work.mean(axis=0)
    per_scale = np.array([0.0, seconds.mean(), 0.0])
    if len({cost for _, cost in ended}) >= _ENOUGH_COSTS:
        per_scale, _ = nnls(work / scale, seconds)
    base_s, s_per_activation, s_per_mac = (per_scale / scale).tolist()
    return TrainingSpeed(
        s_per_activation=s_per_activation,
        workers=workers,
        basis=counted(len(ended), "training"),
        base_s=base_s,
        s_per_mac=s_per_mac,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How long networks will take.

    Attributes:
        num_networks: How many are trained; of a search, its remaining budget.
        network_s: How long one takes on average, with all workers busy.
        training_s: How long a training of one occupies a worker, on average.
        basis: What the speed was measured on, as text.
    """

    num_networks: float
    network_s: float
    training_s: float
    basis: str

    @property
    def seconds(self) -> float:
        """How long all of them take."""
        return self.num_networks * self.network_s

    def networks_within(self, hours: float) -> int:
        """Return how many networks, of all trainings each, fit into a time; 0 if none does.

        >>> found = Forecast(num_networks=150.0, network_s=600.0, training_s=200.0, basis="")
        >>> found.networks_within(2.0)
        12
        """
        return int(3600 * hours / self.network_s)


def forecast(
    speed: TrainingSpeed, training_s: float, *, num_networks: float, num_trainings: int
) -> Forecast:
    """Return how long networks will take.

    Args:
        speed: Of the study.
        training_s: How long a training of one occupies a worker, on average.
        num_networks: How many networks.
        num_trainings: Trainings of each.
    """
    at_a_time = min(speed.workers, max(1, math.ceil(num_networks * num_trainings)))
    return Forecast(
        num_networks=num_networks,
        network_s=num_trainings * training_s / at_a_time,
        training_s=training_s,
        basis=speed.basis,
    )


def forecast_text(
    found: Forecast, now: datetime, *, what: str = "network", offer_less: bool = False
) -> str:
    """Return a forecast as a sentence.

    >>> found = Forecast(
    ...     num_networks=150.0, network_s=528.0, training_s=176.0, basis="12 trainings"
    ... )
    >>> forecast_text(found, datetime(2026, 11, 28, 11, 40), offer_less=True)
    '150 networks: about 22 h, until Sunday 9:40 (by 12 trainings); --hours 8 fits about 54.'

    Args:
        found: The forecast.
        now: The time now.
        what: What is counted.
        offer_less: Whether to say how many fit into a shorter time.
    """
    ends = now + timedelta(seconds=found.seconds)
    text = (
        f"{counted(max(1, round(found.num_networks)), what)}: about {rough_text(found.seconds)}, "
        f"until {end_text(ends, now)} (by {found.basis})"
    )
    shorter = [h for h in _SMALLER_H if 3600 * h <= _SMALLER_PART * found.seconds]
    if offer_less and shorter and (fit := found.networks_within(shorter[-1])):
        text += f"; --hours {shorter[-1]:g} fits about {fit}"
    return f"{text}."


def rough_text(seconds: float) -> str:
    """Return a duration as text, as exact as an estimate is.

    >>> [rough_text(seconds) for seconds in (40.0, 400.0, 5e3, 79e3, 4e5)]
    ['1 min', '7 min', '1 h 20 min', '22 h', '4 d 15 h']
    """
    step = 60 if seconds < 3600 else 600 if seconds < 5 * 3600 else 3600
    return duration_text(float(step * max(1, round(seconds / step))))


def end_text(ends: datetime, now: datetime) -> str:
    """Return a moment to come as text: its time, and its day if that is not today.

    >>> now = datetime(2026, 11, 28, 11, 40)
    >>> [end_text(now + timedelta(hours=hours), now) for hours in (2, 22, 400)]
    ['13:40', 'Sunday 9:40', '15 December, 3:40']
    """
    time = f"{ends.hour}:{ends:%M}"
    if ends.date() == now.date():
        return time
    if ends - now < _WEEK:
        return f"{ends:%A} {time}"
    return f"{ends.day} {ends:%B}, {time}"
