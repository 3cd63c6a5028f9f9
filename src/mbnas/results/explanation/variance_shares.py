"""How much of the variance of true scores the genes explain: a functional analysis of variance.

A function on the ``M`` networks that stand for a space is split into its projection on all single
genes, on pairs of choices beyond it, and the rest. Genes that depend on each other share what they
explain together by their covariance with the function.

Source: Hooker 2007, "Generalized functional ANOVA diagnostics"; Li et al. 2010, "Global sensitivity
analysis for systems with independent and/or correlated inputs" (shares by covariance).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mbnas.results.explanation.choices import Counts, GeneValue
from mbnas.results.explanation.contrasts import Projection, gene_contrasts
from mbnas.space.genotype import GENES

NUM_DIRECTIONS = 100
"""Random directions by which the variance of the rest is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceSplit:
    """Linear functions of true scores from which shares of variance follow.

    Attributes:
        names: Kinds of genes that vary.
        genes_RM: Orthonormal coordinates of the projection on single genes.
        pairs_PM: Of that on pairs of choices, beyond it.
        rest_JM: Of the rest, all of them or some at random.
        by_kind_KRR: Of each kind, the quadratic form of what it explains.
        num_rest: Dimensions of the rest.
        is_whole: Whether the networks are the whole space.
    """

    names: tuple[str, ...]
    genes_RM: Float[np.ndarray, "R M"]
    pairs_PM: Float[np.ndarray, "P M"]
    rest_JM: Float[np.ndarray, "J M"]
    by_kind_KRR: Float[np.ndarray, "K R R"]
    num_rest: int
    is_whole: bool

    @property
    def functions(self) -> Float[np.ndarray, "L M"]:
        """All linear functions."""
        return np.concatenate([self.genes_RM, self.pairs_PM, self.rest_JM])

    def shares(self, draws_SL: Float[np.ndarray, "S L"]) -> dict[str, Float[np.ndarray, " S"]]:
        """Return shares of the variance, which sum to 1.

        What a draw of networks explains by chance is not counted.

        Args:
            draws_SL: Values of :attr:`functions`.
        """
        num_genes, num_pairs = len(self.genes_RM), len(self.pairs_PM)
        genes_SR = draws_SL[:, :num_genes]
        pairs_S = (draws_SL[:, num_genes : num_genes + num_pairs] ** 2).sum(axis=1)
        rest_S = np.zeros(len(draws_SL))
        if len(self.rest_JM):
            rest_S = (draws_SL[:, num_genes + num_pairs :] ** 2).mean(axis=1) * self.num_rest
        by_kind = {
            name: ((genes_SR @ form_RR) * genes_SR).sum(axis=1)
            for name, form_RR in zip(self.names, self.by_kind_KRR, strict=True)
        }
        total_S = sum(by_kind.values()) + pairs_S + rest_S
        if not self.is_whole and self.num_rest:
            # A dimension explains this much by chance.
            each_S = rest_S / self.num_rest
            for name, form_RR in zip(self.names, self.by_kind_KRR, strict=True):
                by_kind[name] = by_kind[name] - np.trace(form_RR) * each_S
            pairs_S = pairs_S - num_pairs * each_S
            rest_S = rest_S + (num_genes + num_pairs) * each_S
        total_S = np.maximum(total_S, 1e-300)
        found = by_kind | {"pairs": pairs_S, "rest": rest_S}
        return {name: each_S / total_S for name, each_S in found.items()}


def variance_split(
    genes: Counts[GeneValue],
    projection: Projection,
    pairs_MK: Float[np.ndarray, "M K"],
    *,
    is_whole: bool,
) -> VarianceSplit:
    """Return what shares of variance follow from.

    Args:
        genes: Values of the genes of ``M`` networks.
        projection: On them.
        pairs_MK: Columns of pairs of choices.
        is_whole: Whether the networks are the whole space.
    """
    basis_MR = projection.basis_MR
    centred_MK = genes.counts_NK - genes.counts_NK.mean(axis=0)
    to_coefficients_KR = projection.coefficients_KM @ basis_MR
    names = tuple(name for name in GENES if _varies(genes, name))
    forms = []
    for name in names:
        own_K = np.array([float(each.gene == name) for each in genes.names])
        form_RR = basis_MR.T @ (centred_MK * own_K) @ to_coefficients_KR
        forms.append((form_RR + form_RR.T) / 2)
    beyond_MK = pairs_MK - pairs_MK.mean(axis=0)
    scale_K = np.maximum(beyond_MK.std(axis=0), 1e-12)
    beyond_MK = (beyond_MK - basis_MR @ (basis_MR.T @ beyond_MK)) / scale_K
    pairs_MP = _spanned(beyond_MK)
    num_networks = len(basis_MR)
    known_MQ = np.concatenate(
        [np.full((num_networks, 1), num_networks**-0.5), basis_MR, pairs_MP], axis=1
    )
    num_rest = num_networks - known_MQ.shape[1]
    rest_MJ = _directions(known_MQ, min(num_rest, NUM_DIRECTIONS))
    return VarianceSplit(
        names=names,
        genes_RM=basis_MR.T,
        pairs_PM=pairs_MP.T,
        rest_JM=rest_MJ.T,
        by_kind_KRR=np.array(forms).reshape(len(names), basis_MR.shape[1], basis_MR.shape[1]),
        num_rest=num_rest,
        is_whole=is_whole,
    )


def _varies(genes: Counts[GeneValue], name: str) -> bool:
    return any(each.gene == name for each in gene_contrasts(genes))


def _spanned(columns_MK: np.ndarray) -> Float[np.ndarray, "M P"]:
    left_MP, values_P, _ = np.linalg.svd(columns_MK, full_matrices=False)
    return np.asarray(left_MP[:, values_P > 1e-6 * np.sqrt(len(columns_MK))])


def _directions(known_MQ: np.ndarray, num: int) -> Float[np.ndarray, "M J"]:
    """Return random orthonormal directions that are orthogonal to known ones."""
    drawn_MJ = np.random.default_rng(0).standard_normal((len(known_MQ), num))
    for _ in range(2):  # the second time removes what rounding has left
        drawn_MJ = np.linalg.qr(drawn_MJ - known_MQ @ (known_MQ.T @ drawn_MJ))[0]
    return np.asarray(drawn_MJ)
