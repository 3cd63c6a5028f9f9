"""How much of the differences between scores is due to networks, folds, initialisations and luck.

The score of network n from initialisation i on fold f is modelled as

    y = µ_f + U_n + G_nf + A_ni + E_nif.

µ_f is the mean of fold f, the same for all networks, so it cancels between them. U is what a
network is worth for any patients, G what it is worth for the patients of one fold, A the luck of an
initialisation that all folds share, and E the luck of one training. All four are normal with mean
0. Their variances are estimated by restricted maximum likelihood (REML), each 0 or more, and
networks may have different numbers of initialisations. With equal numbers, and unless one of them
is 0, the estimates are those of the analysis of variance.

Every initialisation has all folds. So the means over folds and the contrasts between folds are
independent, and both are one-way layouts of initialisations in networks:

    means of folds       U + G/F between networks, A + E/F within
    F − 1 contrasts      G between networks, E within

The likelihood is the product of the two. It is maximised numerically, from the analysis of
variance.

Source: Patterson and Thompson 1971, Recovery of inter-block information when block sizes are
unequal, Biometrika 58(3); Searle, Casella and McCulloch 1992, Variance components, section 6.6.

Shape suffixes: N networks, R initialisations of all networks, F folds, C contrasts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from mbnas.scoring.noise.one_way_layout import OneWayLayout, contrast_layout, mean_layout
from mbnas.scoring.noise.score_table import ScoreTable

NoiseSource = Literal["initialisations", "folds", "none"]

FEWEST_FREEDOM = 3
"""Degrees of freedom within networks from which on initialisations tell the noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceComponents:
    """Variances of the parts of a score; a part that cannot be told apart is 0.

    Attributes:
        network: Of what a network is worth for any patients (U).
        fold: Of the means of folds, which all networks share.
        network_fold: Of what a network is worth for the patients of one fold (G).
        initialisation: Of the luck of an initialisation that all folds share (A).
        residual: Of the luck of one training (E).
        noise_from: What tells the noise. ``initialisations``: the differences between those of
            a network. ``folds``: the differences of networks' differences between folds, because
            too few networks have a second initialisation; G and A are then taken to be 0.
            ``none``: nothing does, and all that differs counts as ``network``.
        num_networks: Networks whose scores were used.
        num_initialisations: Of all these networks together.
        num_folds: Of each initialisation.

    Raises:
        ValueError: if a variance is negative or not finite.
    """

    network: float
    fold: float
    network_fold: float
    initialisation: float
    residual: float
    noise_from: NoiseSource
    num_networks: int
    num_initialisations: int
    num_folds: int

    def __post_init__(self) -> None:
        for name in ("network", "fold", "network_fold", "initialisation", "residual"):
            if not 0 <= (value := getattr(self, name)) < math.inf:
                raise ValueError(f"A variance ({name}={value}) must be finite, and 0 or more.")

    @property
    def between(self) -> float:
        """Variance between networks of the score that more initialisations approach.

        It is that of U plus the mean of G over the folds: of a network's worth for these patients.
        """
        return self.network + self.network_fold / self.num_folds

    @property
    def noise(self) -> float:
        """Variance of the mean over folds of one initialisation."""
        return self.initialisation + self.residual / self.num_folds

    @property
    def training_sd(self) -> float:
        """Standard deviation of the score of one training of one network on one fold."""
        return math.sqrt(self.initialisation + self.residual)


def variance_components(table: ScoreTable) -> VarianceComponents | None:
    """Return the variances of the parts of scores; ``None`` with fewer than two networks.

    Args:
        table: Scores without outliers; networks without a row are passed over.
    """
    table = table.compact()
    if table.num_networks < 2:
        return None
    means = mean_layout(table)
    contrasts = contrast_layout(table) if table.num_folds > 1 else None
    source = _noise_source(means, contrasts)
    network, network_fold, initialisation, residual = _estimate(
        means, contrasts, table.num_folds, source
    )
    return VarianceComponents(
        network=network,
        fold=0.0 if contrasts is None else _fold_variance(contrasts, network_fold, residual),
        network_fold=network_fold,
        initialisation=initialisation,
        residual=residual,
        noise_from=source,
        num_networks=table.num_networks,
        num_initialisations=table.network_R.size,
        num_folds=table.num_folds,
    )


def _noise_source(means: OneWayLayout, contrasts: OneWayLayout | None) -> NoiseSource:
    if means.freedom >= FEWEST_FREEDOM or (contrasts is None and means.freedom):
        return "initialisations"
    return "none" if contrasts is None else "folds"


def _estimate(
    means: OneWayLayout, contrasts: OneWayLayout | None, num_folds: int, source: NoiseSource
) -> tuple[float, float, float, float]:
    """Return U, G, A and E."""
    start = _from_analysis_of_variance(means, contrasts, num_folds)
    if source == "none":
        return (start[0], 0.0, 0.0, 0.0)
    is_split = source == "initialisations" and contrasts is not None
    is_free = np.array([True, is_split, is_split, True])
    scale = float(start.sum())
    if scale == 0:
        return (0.0, 0.0, 0.0, 0.0)
    from scipy import optimize  # slow to import

    smallest = 1e-9

    def deviance(free: Float[np.ndarray, " free"]) -> tuple[float, Float[np.ndarray, " free"]]:
        parts = np.zeros(4)
        parts[is_free] = free
        network, network_fold, initialisation, residual = parts * scale
        value, by_between, by_within = means.deviance(
            network + network_fold / num_folds, initialisation + residual / num_folds
        )
        slopes = np.array(
            [by_between, by_between / num_folds, by_within, by_within / num_folds], dtype=float
        )
        if contrasts is not None:
            more, by_between, by_within = contrasts.deviance(network_fold, residual)
            value += more
            slopes += [0.0, by_between, 0.0, by_within]
        return value, slopes[is_free] * scale

    found = optimize.minimize(
        deviance,
        np.maximum(start / scale, 0.01)[is_free],
        jac=True,
        method="L-BFGS-B",
        bounds=[(smallest if part == 3 else 0.0, None) for part in np.flatnonzero(is_free)],
        options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 2000, "maxfun": 4000},
    )
    parts = np.zeros(4)
    parts[is_free] = found.x * scale
    network, network_fold, initialisation, residual = parts.tolist()
    return network, network_fold, initialisation, residual


def _from_analysis_of_variance(
    means: OneWayLayout, contrasts: OneWayLayout | None, num_folds: int
) -> Float[np.ndarray, " part"]:
    """Return estimates of U, G, A and E to start from, by equating mean squares."""
    between, within = _one_way(means)
    if contrasts is None:
        return np.array([between, 0.0, 0.0, within])
    network_fold, residual = _one_way(contrasts)
    return np.array(
        [
            max(0.0, between - network_fold / num_folds),
            network_fold,
            max(0.0, within - residual / num_folds),
            residual,
        ]
    )


def _one_way(layout: OneWayLayout) -> tuple[float, float]:
    """Return the variances between and within networks; without the latter all is between."""
    within = layout.within / layout.freedom if layout.freedom else 0.0
    spread = float(layout.means_NC.var(axis=0, ddof=1).mean())
    return max(0.0, spread - within * float((1 / layout.sizes_N).mean())), within


def _fold_variance(contrasts: OneWayLayout, network_fold: float, residual: float) -> float:
    """Return the variance of the means of folds, given the other variances."""
    variances_N = network_fold + residual / contrasts.sizes_N
    if not variances_N.all():
        return float(np.square(contrasts.means_NC.mean(axis=0)).mean())
    weights_N = 1 / variances_N
    means_C = weights_N @ contrasts.means_NC / weights_N.sum()
    return max(0.0, float(np.square(means_C).mean() - 1 / weights_N.sum()))
