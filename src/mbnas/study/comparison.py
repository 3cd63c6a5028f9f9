"""Training networks anew, on initialisations that no search has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mbnas.genotype.genotype import Genotype
from mbnas.study.contenders import FIRST_FRESH
from mbnas.study.evaluator import Progress, ignore
from mbnas.study.run import OpenStudy, executor_of


def train_anew(
    study: OpenStudy,
    contenders: Iterable[Genotype],
    *,
    initialisations: int,
    watch: Callable[[Progress], None] = ignore,
) -> None:
    """Train networks on fresh initialisations, into the study's ledger.

    Args:
        study: Held by this process.
        contenders: The networks.
        initialisations: How many fresh ones; more than before adds to those.
        watch: Told after every training.
    """
    genotypes = tuple(contenders)
    for genotype in genotypes:
        study.record_cost(genotype)
    with executor_of(study.study.configuration) as executor:
        evaluator = study.evaluator(executor, range(FIRST_FRESH, FIRST_FRESH + initialisations))
        evaluator.evaluate(genotypes, watch)
