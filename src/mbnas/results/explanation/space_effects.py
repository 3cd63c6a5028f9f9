"""The effects that are explained in a space, as linear functions of the true scores in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from mbnas.results.explanation.choices import (
    ANY_DEPTH,
    Choice,
    Counts,
    GeneValue,
    Name,
    Pair,
    count_choices,
    count_genes,
    count_pairs,
    in_order,
)
from mbnas.results.explanation.contrasts import (
    Projection,
    choice_contrasts,
    gene_contrasts,
    pair_contrasts,
)
from mbnas.results.explanation.space_model import SpaceModel, networks_of, with_depth
from mbnas.results.explanation.variance_shares import VarianceSplit, variance_split
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceEffects:
    """Effects in a space, as linear functions of the true scores of ``M`` networks.

    Attributes:
        model: Prior of the true scores.
        networks: That stand for the space.
        choices: Whose effects are the first rows.
        pairs: Whose effects are the next rows.
        genes: Values of genes.
        effects_EM: The effects of choices and pairs.
        genes_HR: The effects of the genes, from the coordinates of single genes in the split.
        split: Of the variance.
    """

    model: SpaceModel
    networks: tuple[Genotype, ...]
    choices: tuple[Choice, ...]
    pairs: tuple[Pair, ...]
    genes: tuple[GeneValue, ...]
    effects_EM: Float[np.ndarray, "E M"]
    genes_HR: Float[np.ndarray, "H R"]
    split: VarianceSplit


@lru_cache(maxsize=2)
def space_effects(space: Space) -> SpaceEffects:
    """Return the effects that are explained in a space.

    An effect that cannot be separated from others is left out, such as that of a depth that
    only one topology has.
    """
    networks = networks_of(space)
    choices, pairs, genes = count_choices(networks), count_pairs(networks), count_genes(networks)
    of_choices = Projection(choices.counts_NK)
    contrasts = choice_contrasts(choices)
    ordered = {each: contrasts[each] for each in in_order(contrasts, space.choices.variants)}
    choice_rows = _known(of_choices, ordered)
    beyond_MK = with_depth(choices, pairs)
    of_pairs = Projection(np.concatenate([choices.counts_NK, beyond_MK], axis=1))
    pair_rows = _known(of_pairs, _pair_contrasts(choices, pairs))
    of_genes = Projection(genes.counts_NK)
    gene_rows = _known(of_genes, gene_contrasts(genes))
    rows = [*choice_rows.values(), *pair_rows.values()]
    is_whole = len(networks) == space.count
    return SpaceEffects(
        model=SpaceModel(space, networks),
        networks=networks,
        choices=tuple(choice_rows),
        pairs=tuple(pair_rows),
        genes=tuple(gene_rows),
        effects_EM=np.array(rows).reshape(len(rows), len(networks)),
        genes_HR=np.array(list(gene_rows.values())).reshape(-1, len(networks)) @ of_genes.basis_MR,
        split=variance_split(genes, of_genes, beyond_MK, is_whole=is_whole),
    )


def _known(
    projection: Projection, contrasts: dict[Name, Float[np.ndarray, " K"]]
) -> dict[Name, Float[np.ndarray, " M"]]:
    """Return the effects that are unique, as functions of the values on the networks."""
    known = {name: each for name, each in contrasts.items() if projection.is_known(each)}
    return {name: projection.row(each) for name, each in known.items()}


def _pair_contrasts(
    choices: Counts[Choice], pairs: Counts[Pair]
) -> dict[Pair, Float[np.ndarray, " K"]]:
    """Return contrasts of pairs, over the columns of choices, of pairs, and of those with depth."""
    num_choices, num_pairs = len(choices.names), len(pairs.names)
    in_nodes = [number for number, each in enumerate(choices.names) if each.kind != "depth"]
    num_all = num_choices + num_pairs + len(in_nodes)
    found: dict[Pair, Float[np.ndarray, " K"]] = {}
    for pair, of_pairs_K in pair_contrasts(pairs, choices).items():
        found[pair] = np.zeros(num_all)
        found[pair][num_choices : num_choices + num_pairs] = of_pairs_K
    for choice, of_choices_K in choice_contrasts(choices).items():
        if choice.kind != "depth":
            found[choice, ANY_DEPTH] = np.zeros(num_all)
            found[choice, ANY_DEPTH][num_choices + num_pairs :] = of_choices_K[in_nodes]
    return found
