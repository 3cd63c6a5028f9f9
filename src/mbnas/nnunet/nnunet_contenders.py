"""Both networks of a head to head as a comparison takes them."""

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
    """Return the found network and nnU-Net's own, measured.

    Args:
        run: Finished.
        found_name: What to call the found network.
        slice_size: Side of the input that costs are told for, as :func:`cost_size` gives it.
        progress: Told of every file measured.

    Raises:
        NNUNetError: if a prediction is on another grid than its case.
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
    """Return the side for which costs are told: the study's, or the next that both take."""
    return common_size(run.plans(OWN_PLANS), slice_size)


def own_architecture(own: Plans) -> OwnNetwork:
    """Return what names nnU-Net's own network: its class, and a hash of what it is called with."""
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
        Interface.of(run.prepared.channels, run.prepared.classes, slice_size),
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
