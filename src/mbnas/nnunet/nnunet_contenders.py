"""Both networks of a head-to-head comparison, as contenders."""

from __future__ import annotations

import hashlib
import json

from mbnas.machine.processes import ProgressCallback
from mbnas.network.architecture import Architecture, OwnNetwork
from mbnas.network.interface import Interface
from mbnas.nnunet.head_to_head import HeadToHead
from mbnas.nnunet.measured_predictions import measured_trainings
from mbnas.nnunet.plan_costs import common_size, costs_of
from mbnas.nnunet.plans import CONFIGURATION, OWN_PLANS, Plans
from mbnas.study.progress.contenders import Contender
from mbnas.training.training_record import TrainingRecord

OWN_NAME = "nnU-Net 2D"


def contenders(
    run: HeadToHead, *, found_name: str, slice_size: int, progress: ProgressCallback | None = None
) -> tuple[Contender, Contender]:
    """Return the found network and nnU-Net's own, with their metrics and costs.

    Args:
        run: The finished head-to-head comparison.
        found_name: Title of the found network.
        slice_size: Side of the input for costs, from :func:`cost_size`.
        progress: Called after each measured file.

    Raises:
        NNUNetError: if the grids of a prediction and its case differ.
        DatasetError: if one cannot be read.
    """
    own, found = run.plans(OWN_PLANS), run.plans(run.found_plans)
    theirs = own_architecture(own)
    trainings = {run.trained(run.found_plans, fold): run.genotype.digest for fold in run.chosen}
    trainings |= {run.trained(OWN_PLANS, fold): theirs.digest for fold in run.chosen}
    records = measured_trainings(run, trainings, progress)
    return (
        _contender(run, found, run.genotype, found_name, slice_size, records),
        _contender(run, own, theirs, OWN_NAME, slice_size, records),
    )


def cost_size(run: HeadToHead, slice_size: int) -> int:
    """Return the side of the input for costs: the study's, or the next that both networks take."""
    return common_size(run.plans(OWN_PLANS), slice_size)


def own_architecture(own: Plans) -> OwnNetwork:
    """Return nnU-Net's own network as a value: its class, and a hash of its arguments."""
    architecture = own["configurations"][CONFIGURATION]["architecture"]
    module, _, attribute = architecture["network_class_name"].rpartition(".")
    text = json.dumps(architecture, sort_keys=True)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()[:8]
    return OwnNetwork(module=module, attribute=attribute, fingerprint=fingerprint)


def _contender(
    run: HeadToHead,
    plans: Plans,
    architecture: Architecture,
    name: str,
    slice_size: int,
    records: tuple[TrainingRecord, ...],
) -> Contender:
    costs = costs_of(
        plans,
        Interface.of(run.prepared.channels, run.prepared.targets.num_outputs, slice_size),
        also_32=common_size(run.plans(OWN_PLANS), 32) == 32,
        device=run.place.device,
    )
    return Contender(
        name=name,
        architecture=architecture,
        trainings=tuple(each for each in records if each.key.network == architecture.digest),
        parameters=costs.parameters,
        macs=costs.macs,
        macs_32=costs.macs_32,
        latency_ms=costs.latency_ms,
    )
