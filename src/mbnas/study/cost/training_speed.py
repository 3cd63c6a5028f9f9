"""How fast a study trains, and how long its search or a comparison will take at that speed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from mbnas.data.slices.neighbours import channel_names
from mbnas.network.architecture import Architecture
from mbnas.network.cost.complexity import Complexity
from mbnas.search.limit import limited
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.study.ledger.facts import WAY_TO_TRAIN
from mbnas.study.mode.mode_selection import ModeQuestion, default_mode
from mbnas.study.mode.training_mode import TrainingMode
from mbnas.study.open_study import OpenStudy
from mbnas.study.pool.worker_pool import configured_workers
from mbnas.study.progress.forecast import (
    Forecast,
    TrainingSpeed,
    forecast,
    speed_of_steps,
    speed_of_trainings,
)
from mbnas.study.retraining.final_plan import FinalPlan
from mbnas.training.device.step_speed import measure_rate
from mbnas.training.training_record import FIRST_FRESH

NUM_EXPECTED = 24
"""Proposed networks whose cost stands for that of all."""

_TIMED_S = 1.0


def training_speed(study: OpenStudy, networks: Iterable[Architecture] = ()) -> TrainingSpeed | None:
    """Return how fast a study trains, ``None`` if it cannot be known before it does.

    It is that of earlier trainings of the ledger; without them, that of the measured training mode;
    without a measurement, steps of the U-Net are timed here, on a CPU only.

    Args:
        study: Held by this process.
        networks: What shall be trained. Earlier trainings count if they are of these or of
            genotypes: other networks need their library to be counted.
    """
    configuration, ledger = study.configuration, study.ledger
    run = configuration.run
    workers = configured_workers(configuration)
    asked = {each.digest for each in networks}
    costs = {
        digest: study.costs.counted(each.architecture)
        for digest, each in ledger.networks().items()
        if isinstance(each.architecture, Genotype) or digest in asked
    }
    own = (
        (each.wall_s, costs[each.key.network])
        for each in ledger.trainings(with_epochs=False)
        if not each.borrowed and each.score is not None and each.key.network in costs
    )
    if (found := speed_of_trainings(own, workers=workers)) is not None:
        return found
    evaluation = configuration.protocol
    num_trainings = evaluation.folds * evaluation.initialisations
    unet = unet_genotype(configuration.space.num_levels)
    known = json.loads(ledger.facts().get(WAY_TO_TRAIN, '{"seconds": {}}'))
    measured = known["seconds"].get(str(TrainingMode(**known["way"]))) if "way" in known else None
    measured_workers = known["way"]["workers"] if measured is not None else 1
    if measured is None:
        if run.executor == "ray" or run.device != "cpu":
            return None
        question = ModeQuestion.of(configuration, study.interface, study.prepared)
        mode = replace(default_mode(configuration), fused="off", workers=1)
        rate = measure_rate(question.workload(mode), _TIMED_S)
        measured = rate.seconds_for(question.slices_per_network)
    return speed_of_steps(
        measured,
        cost=study.costs.counted(unet),
        num_trainings=num_trainings,
        measured_workers=measured_workers,
        workers=workers,
    )


def search_forecast(
    study: OpenStudy, expected: Sequence[Complexity] | None = None
) -> Forecast | None:
    """Return how long the rest of a search will take, ``None`` if that is unknown or nothing.

    The networks that are confirmed are taken to cost as much as the reference, one of them.

    Args:
        study: Held by this process.
        expected: Costs of networks as the search proposes them, if they are known:
            :func:`expected_costs` takes up to seconds.
    """
    if (speed := training_speed(study)) is None:
        return None
    evaluation = study.configuration.protocol
    num_trainings = evaluation.folds * evaluation.initialisations
    own = [
        each.key
        for each in study.ledger.trainings(with_epochs=False)
        if each.key.protocol == study.protocol.digest
    ]
    searched = sum(not each.is_fresh for each in own) / num_trainings
    confirmed = sum(each.is_confirming for each in own) / num_trainings
    search, reference = study.configuration.search, study.configuration.reference
    num_confirming = search.num_confirming(evaluation.initialisations) / evaluation.initialisations
    num_searching = max(0.0, search.evaluations - num_confirming - searched)
    num_confirming = max(0.0, num_confirming - confirmed)
    if (num_left := num_searching + num_confirming) <= 0:
        return None
    searching_s = num_searching * speed.mean_s(expected or expected_costs(study))
    confirming_s = num_confirming * speed.training_s(study.costs.counted(reference))
    mean_s = (searching_s + confirming_s) / num_left
    return forecast(speed, mean_s, num_networks=num_left, num_trainings=num_trainings)


def retraining_forecast(
    study: OpenStudy, networks: Iterable[Architecture], *, initialisations: int
) -> Forecast | None:
    """Return how long a comparison will take, ``None`` if that is unknown or nothing.

    Args:
        study: Held by this process.
        networks: What is compared.
        initialisations: Fresh initialisations of each.
    """
    distinct = tuple(dict.fromkeys(networks))
    if (speed := training_speed(study, distinct)) is None:
        return None
    last = FIRST_FRESH + initialisations
    done = {
        (each.key.network, each.key.fold, each.key.initialisation)
        for each in study.ledger.trainings()
        if each.key.protocol == study.protocol.digest
        and FIRST_FRESH <= each.key.initialisation < last
    }
    num_trainings = study.configuration.protocol.folds * initialisations
    num_done = sum(network in {each.digest for each in distinct} for network, *_ in done)
    num_left = len(distinct) - num_done / num_trainings
    if num_left <= 0:
        return None
    mean_s = speed.mean_s([study.costs.counted(each) for each in distinct])
    return forecast(speed, mean_s, num_networks=num_left, num_trainings=num_trainings)


def final_forecast(study: OpenStudy, plan: FinalPlan) -> Forecast | None:
    """Return how long the trainings of a model will take, ``None`` if that is unknown.

    Args:
        study: Held by this process.
        plan: Of the model, all of whose trainings are counted.
    """
    if (speed := training_speed(study, [plan.network])) is None:
        return None
    searched, final = study.configuration, plan.configuration
    factor = final.training.epochs / searched.training.epochs
    if plan.all_patients:
        factor *= searched.protocol.folds / (searched.protocol.folds - 1)
    cost = study.costs.counted(
        plan.network,
        size=final.preparation.input_size,
        in_channels=len(channel_names(study.prepared.channels, final.preparation.context)),
    )
    training_s = speed.scaled(factor).training_s(cost)
    num_members = float(len(plan.folds))
    return forecast(speed, training_s, num_networks=num_members, num_trainings=1)


def expected_costs(study: OpenStudy) -> Sequence[Complexity]:
    """Return the costs of networks as the search proposes them.

    They are those of its first proposals if it has many, and otherwise those that it would propose
    first if scores were random.
    """
    known = [each.genotype for each in study.ledger.evaluations()]
    if len(known) >= NUM_EXPECTED:
        return [study.costs.counted(each) for each in known]
    rng = np.random.default_rng(0)
    searcher = limited(study.searcher(), NUM_EXPECTED)
    proposed: dict[Genotype, None] = {}
    scores: list[float] | None = None
    try:
        while True:
            proposal = next(searcher) if scores is None else searcher.send(scores)
            proposed |= dict.fromkeys(proposal.genotypes)
            scores = rng.random(len(proposal.genotypes)).tolist()
    except StopIteration:
        return [study.costs.counted(each) for each in proposed]
