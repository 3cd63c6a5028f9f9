"""Whether networks differ at all: the true spread of their scores, its interval, and a verdict.

The true spread is the standard deviation between networks of the score that more and more
initialisations approach, on the folds that all of them share. It is estimated from each network's
mean m over its r initialisations. Let B be its square and W the variance of one initialisation.
Then

    Q(B, W) = Σ (m − µ)² / (B + W/r),    with µ the mean of the m weighted by 1 / (B + W/r),

has a chi-square distribution with N − 1 degrees of freedom, and the sum of squares within networks
divided by W one with ν. Both together give a confidence distribution of B, from which the interval
is read. Its probability of B = 0 is the p of the one-sided F-test of equal networks, also with
unequal numbers of initialisations. So the lower end of the interval exceeds 0 exactly if p is
below half of 1 − confidence: words, interval and p cannot contradict one another.

The upper end is that of the distribution above 0, so that networks whose scores happen to differ
less than their noise do not seem to be known as equal (Read 2002, Presentation of search results:
the CLs technique, Journal of Physics G 28).

Source: Wald 1940, A note on the analysis of variance with unequal class frequencies, Annals of
Mathematical Statistics 11(1), for the exact test; Park and Burdick 2003, Performance of confidence
intervals in regression models with unbalanced one-fold nested error structures, Communications in
Statistics 32(3), for generalised intervals of B.

Shape suffixes: N networks, K quantiles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import special

from mbnas.scoring.intervals import Interval
from mbnas.scoring.noise.one_way_layout import OneWayLayout, contrast_layout, mean_layout
from mbnas.scoring.noise.score_table import ScoreTable
from mbnas.scoring.noise.variance_components import VarianceComponents

CONFIDENCE = 0.90
"""Of the interval: 5 % for a lower end above 0 although all networks are equal."""

_QUANTILES = 200
_MOST_INITIALISATIONS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueSpread:
    """The standard deviation of the networks' true scores, on the folds that all of them share.

    Attributes:
        sd: Estimate, 0 or more (REML).
        interval: Of it; the lower end may be 0.
        p: One-sided p of the F-test that all networks are equal.
        noise_sd: Standard deviation of the score of one initialisation.

    Raises:
        ValueError: if p and interval contradict one another.
    """

    sd: float
    interval: Interval
    p: float
    noise_sd: float

    def __post_init__(self) -> None:
        if self.is_told_from_0 != (self.p < (1 - self.interval.confidence) / 2):
            raise ValueError(
                f"p (={self.p}) and interval (={self.interval}) contradict one another."
            )

    @property
    def is_told_from_0(self) -> bool:
        """Whether the networks are shown to differ."""
        return self.interval.low > 0


def true_spread(
    table: ScoreTable, components: VarianceComponents, *, confidence: float = CONFIDENCE
) -> TrueSpread | None:
    """Return the true spread of networks; ``None`` if nothing tells the noise.

    Args:
        table: The scores that the components were estimated from.
        components: Of the scores.
        confidence: Of the interval, between 0 and 1.

    Raises:
        ValueError: if the confidence is out of range.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence (={confidence}) must lie between 0 and 1.")
    if components.noise_from == "none":
        return None
    table = table.compact()
    means = mean_layout(table)
    squares, freedom = _noise(table, means, components)
    tail = (1 - confidence) / 2
    distribution = _Distribution(means=means, squares=squares, freedom=freedom)
    p = distribution.at_most(0.0)
    return TrueSpread(
        sd=math.sqrt(components.between),
        interval=Interval(
            low=0.0 if p >= tail else math.sqrt(distribution.quantile(tail)),
            # Of the distribution above 0: scores that differ less than their noise show no 0.
            high=math.sqrt(distribution.quantile(p + (1 - p) * (1 - tail))),
            confidence=confidence,
        ),
        p=p,
        noise_sd=math.sqrt(components.noise),
    )


def _noise(
    table: ScoreTable, means: OneWayLayout, components: VarianceComponents
) -> tuple[float, int]:
    """Return a sum of squares and its degrees of freedom, for the noise of an initialisation."""
    if components.noise_from == "initialisations":
        return means.within, means.freedom
    contrasts = contrast_layout(table)
    centres_C = contrasts.sizes_N @ contrasts.means_NC / contrasts.sizes_N.sum()
    between = contrasts.sizes_N @ np.square(contrasts.means_NC - centres_C)
    freedom = contrasts.means_NC.shape[1] * (table.network_R.size - 1)
    return (contrasts.within + float(between.sum())) / table.num_folds, freedom


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Distribution:
    """The confidence distribution of the variance between networks."""

    means: OneWayLayout
    squares: float
    freedom: int

    def at_most(self, between: float) -> float:
        """Return the confidence that the variance is at most ``between``."""
        chances_K = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
        noise_K = self.squares / special.chdtri(self.freedom, chances_K)
        num_networks = self.means.sizes_N.size
        if between == 0:
            statistic = float(self._squares_between(0.0, np.ones(1))[0])
            if self.squares == 0:
                return float(statistic == 0)
            ratio = statistic / (num_networks - 1) / (self.squares / self.freedom)
            return float(special.fdtrc(num_networks - 1, self.freedom, ratio))
        statistics_K = self._squares_between(between, noise_K)
        return float(np.mean(special.chdtrc(num_networks - 1, statistics_K)))

    def quantile(self, confidence: float) -> float:
        """Return the variance that is not exceeded with some confidence."""
        means_N = self.means.means_NC[:, 0]
        low, high = 0.0, float(means_N.var()) + self.squares / self.freedom
        if high == 0 or self.at_most(0.0) >= confidence:
            return 0.0
        while self.at_most(high) < confidence:
            low, high = high, 4 * high
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if self.at_most(middle) < confidence else (low, middle)
        return high

    def _squares_between(
        self, between: float, noise_K: Float[np.ndarray, " quantile"]
    ) -> Float[np.ndarray, " quantile"]:
        """Return Q for some variances of an initialisation."""
        weights_KN = 1 / (between + noise_K[:, None] / self.means.sizes_N)
        means_N = self.means.means_NC[:, 0]
        centres_K = weights_KN @ means_N / weights_KN.sum(axis=1)
        squares_K: Float[np.ndarray, " quantile"] = (
            weights_KN * np.square(means_N - centres_K[:, None])
        ).sum(axis=1)
        return squares_K


def initialisations_to_show(
    spread: TrueSpread, *, num_networks: int, power: float = 0.8
) -> int | None:
    """Return how many initialisations of each network would show a spread as large as estimated.

    The F-test of equal networks, with equally many initialisations each, then has at least this
    power. ``None`` if the estimate is 0, or no reasonable number is enough.

    Args:
        spread: Whose estimate to show.
        num_networks: Networks to tell apart, 2 or more.
        power: Probability of showing it, between 0 and 1.
    """
    if spread.sd == 0:
        return None
    ratio = (spread.sd / spread.noise_sd) ** 2 if spread.noise_sd else math.inf
    tail = (1 - spread.interval.confidence) / 2
    for number in range(2, _MOST_INITIALISATIONS + 1):
        freedom = num_networks - 1, num_networks * (number - 1)
        limit = special.fdtri(*freedom, 1 - tail)
        if special.fdtrc(*freedom, limit / (1 + number * ratio)) >= power:
            return number
    return None
