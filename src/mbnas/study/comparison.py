"""Training networks anew, on initialisations that no search has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mbnas.network.architecture import Architecture
from mbnas.study.contenders import record_comparison
from mbnas.study.evaluator import Progress, ignore
from mbnas.study.run import OpenStudy
from mbnas.study.workplace import workplace_of
from mbnas.training.record import FIRST_FRESH


def train_anew(
    study: OpenStudy,
    contenders: Iterable[Architecture],
    *,
    initialisations: int,
    watch: Callable[[Progress], None] = ignore,
) -> None:
    """Train networks on fresh initialisations, into the study's ledger.

    All are seen to build and to give logits before any is trained. At the end they are the
    comparison that the study reports.

    Args:
        study: Held by this process.
        contenders: The networks.
        initialisations: How many fresh ones; those trained before are not trained again.
        watch: Told after every training.

    Raises:
        ConfigurationError: if a network cannot be built or gives no logits.
    """
    networks = tuple(dict.fromkeys(contenders))
    for network in networks:
        study.record_latency(network)  # and sees first whether it can be trained at all
        study.record_cost(network)
    with workplace_of(study.study.configuration) as workplace:
        evaluator = study.evaluator(
            workplace, range(FIRST_FRESH, FIRST_FRESH + initialisations), measured=True
        )
        evaluator.evaluate(networks, watch)
    record_comparison(study.ledger, networks, initialisations=initialisations)
