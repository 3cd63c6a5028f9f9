"""Effects as linear functions of the true scores of all networks of a space.

True scores are projected onto columns that describe networks, by least squares. An effect is a
contrast of coefficients. In a space whose genes are free of each other this is the functional
analysis of variance; in others, an effect is that of a choice while the other choices are equal.

Source: Hooker 2007, "Generalized functional ANOVA diagnostics for high-dimensional functions of
dependent variables"; Hutter et al. 2014, "An efficient approach for assessing hyperparameter
importance".
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from jaxtyping import Float

from mbnas.results.explanation.choices import (
    NO_SKIP,
    Choice,
    Counts,
    GeneValue,
    Name,
    Pair,
)

_SMALLEST = 1e-8
"""Singular values below this share of the largest count as 0."""


class Projection:
    """The least squares projection of functions on ``M`` networks onto ``K`` centred columns.

    Args:
        columns_MK: The columns.

    Attributes:
        coefficients_KM: Times a function, its coefficients; the shortest if they are not unique.
        basis_MR: An orthonormal basis of what the columns span.
        is_known: Whether a contrast of coefficients is unique.
    """

    def __init__(self, columns_MK: Float[np.ndarray, "M K"]) -> None:
        centred_MK = columns_MK - columns_MK.mean(axis=0)
        left_MR, values_R, right_RK = np.linalg.svd(centred_MK, full_matrices=False)
        kept = values_R > _SMALLEST * max(float(values_R.max(initial=0)), 1e-300)
        self.basis_MR = left_MR[:, kept]
        self._right_RK = right_RK[kept]
        self.coefficients_KM = (self._right_RK.T / values_R[kept]) @ self.basis_MR.T

    def is_known(self, contrast_K: np.ndarray) -> bool:
        """Return whether a contrast is the same for all coefficients that fit equally well."""
        kept_K = self._right_RK.T @ (self._right_RK @ contrast_K)
        return bool(np.abs(kept_K - contrast_K).max(initial=0) < 1e-6)

    def row(self, contrast_K: np.ndarray) -> Float[np.ndarray, " M"]:
        """Return a contrast as a linear function of the values on the networks."""
        return np.asarray(contrast_K @ self.coefficients_KM)


def choice_contrasts(choices: Counts[Choice]) -> dict[Choice, Float[np.ndarray, " K"]]:
    """Return the contrast of each choice.

    A block or kernel is compared with the average one of the space, a depth with the average
    network, a skip with no skip.
    """
    found: dict[Choice, Float[np.ndarray, " K"]] = {}
    for kind, members in _grouped(choices.names, lambda each: each.kind).items():
        if len(members) < 2:
            continue
        base_K = _average(choices, members)
        none = Choice(kind="skip", value=NO_SKIP)
        if kind == "skip" and none in members:
            base_K = _unit(choices, none)
        for each in members:
            if each != none:
                found[each] = _unit(choices, each) - base_K
    return found


def pair_contrasts(
    pairs: Counts[Pair], choices: Counts[Choice]
) -> dict[Pair, Float[np.ndarray, " K"]]:
    """Return the contrast of each pair of choices in one node, beyond the effect of each.

    Args:
        pairs: How often networks have them.
        choices: How often the same networks make each choice.
    """
    share = dict(zip(choices.names, choices.counts_NK.mean(axis=0), strict=True))
    found: dict[Pair, Float[np.ndarray, " K"]] = {}
    for members in _grouped(pairs.names, lambda each: (each[0].kind, each[1].kind)).values():
        firsts = tuple(dict.fromkeys(first for first, _ in members))
        seconds = tuple(dict.fromkeys(second for _, second in members))
        if len(firsts) < 2 or len(seconds) < 2 or len(members) < len(firsts) * len(seconds):
            continue
        centre_A = _centring(np.array([share[each] for each in firsts]))
        centre_B = _centring(np.array([share[each] for each in seconds]))
        for a, first in enumerate(firsts):
            for b, second in enumerate(seconds):
                contrast_K = np.zeros(len(pairs.names))
                for row, other in enumerate(firsts):
                    for column, another in enumerate(seconds):
                        position = pairs.names.index((other, another))
                        contrast_K[position] = centre_A[a, row] * centre_B[b, column]
                found[first, second] = contrast_K
    return found


def gene_contrasts(genes: Counts[GeneValue]) -> dict[GeneValue, Float[np.ndarray, " K"]]:
    """Return the contrast of each value of each gene with the average value of the gene."""
    found: dict[GeneValue, Float[np.ndarray, " K"]] = {}
    for members in _grouped(genes.names, lambda each: (each.node, each.gene)).values():
        if len(members) > 1:
            base_K = _average(genes, members)
            found |= {each: _unit(genes, each) - base_K for each in members}
    return found


def _grouped(names: Sequence[Name], key: Callable[[Name], Hashable]) -> dict[Hashable, list[Name]]:
    groups: dict[Hashable, list[Name]] = {}
    for name in names:
        groups.setdefault(key(name), []).append(name)
    return groups


def _unit(counts: Counts[Name], name: Name) -> Float[np.ndarray, " K"]:
    return np.array([float(each == name) for each in counts.names])


def _average(counts: Counts[Name], members: Sequence[Name]) -> Float[np.ndarray, " K"]:
    """Return the weights of members by how often they occur."""
    often_K = counts.counts_NK.mean(axis=0) * np.isin(
        np.arange(len(counts.names)), [counts.names.index(each) for each in members]
    )
    return np.asarray(often_K / often_K.sum())


def _centring(often_A: np.ndarray) -> Float[np.ndarray, "A A"]:
    return np.asarray(np.eye(len(often_A)) - often_A / often_A.sum())
