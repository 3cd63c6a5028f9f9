"""The contenders of a comparison: networks trained again on initialisations that no search saw.

The search score of the network that a search picked is optimistic: it is the best of many noisy
scores. The scores on fresh initialisations, with the same folds, are not selected.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from mbnas.network.architecture import Architecture, title_of
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.study.ledger.facts import COMPARISON
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.ledger.snapshot import Snapshot
from mbnas.training.training_record import FIRST_FRESH, TrainingRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One network of a comparison.

    Attributes:
        name: Its name.
        architecture: The network.
        trainings: On fresh initialisations, by initialisation, then fold.
        parameters: Of the network.
        macs: Multiply-accumulates for one slice.
        macs_32: Multiply-accumulates for an input of 32 by 32 pixels.
        latency_ms: Of one slice.
    """

    name: str
    architecture: Architecture
    trainings: tuple[TrainingRecord, ...]
    parameters: int | None
    macs: int | None
    macs_32: int | None = None
    latency_ms: float | None = None


def record_comparison(
    ledger: Ledger, networks: Iterable[Architecture], *, initialisations: int
) -> None:
    """Record which networks were compared last, and over how many initialisations."""
    asked = {"networks": [each.digest for each in networks], "initialisations": initialisations}
    ledger.set_fact(COMPARISON, json.dumps(asked))


def read_contenders(ledger: Ledger, chosen: Genotype | None) -> tuple[Contender, ...]:
    """Return the networks that were compared last, as :func:`contenders_in` does."""
    return contenders_in(ledger.read(fresh=True), chosen)


def contenders_in(snapshot: Snapshot, chosen: Genotype | None) -> tuple[Contender, ...]:
    """Return the networks of the last comparison, the chosen one first.

    Trainings of other networks, or of further initialisations, stay in the ledger for later
    comparisons and are not included.

    Args:
        snapshot: Of the ledger, with its fresh trainings.
        chosen: The network that the study stands for, if any.
    """
    facts = snapshot.facts
    if COMPARISON not in facts:
        return ()
    asked = json.loads(facts[COMPARISON])
    fresh: dict[str, list[TrainingRecord]] = {digest: [] for digest in asked["networks"]}
    for record in snapshot.fresh:
        number = record.key.initialisation - FIRST_FRESH
        is_asked = record.key.network in fresh and number < asked["initialisations"]
        if is_asked and record.key.protocol == facts["protocol"]:
            fresh[record.key.network].append(record)
    best = None if chosen is None else chosen.digest
    networks = snapshot.networks
    ordered = [networks[digest] for digest in sorted(fresh, key=lambda digest: digest != best)]
    titles = [
        _title(each.architecture, is_best=each.architecture.digest == best) for each in ordered
    ]
    return tuple(
        Contender(
            name=title if titles.count(title) == 1 else str(each.architecture),
            architecture=each.architecture,
            trainings=tuple(
                sorted(
                    fresh[each.architecture.digest],
                    key=lambda record: (record.key.initialisation, record.key.fold),
                )
            ),
            parameters=each.parameters,
            macs=each.macs,
            macs_32=each.macs_32,
            latency_ms=each.latency_ms,
        )
        for each, title in zip(ordered, titles, strict=True)
    )


def _title(architecture: Architecture, *, is_best: bool) -> str:
    title = title_of(architecture)
    if not is_best:
        return title
    is_unet = isinstance(architecture, Genotype) and architecture == unet_genotype(
        architecture.num_levels
    )
    return f"{title} (chosen)" if is_unet else "Best found"
