"""Records short trainings that start from the weights of the trained U-Net.

``python benchmarks/landscape/inherited.py DATASET TABLE.csv --epochs 5 --networks 60`` trains the
U-Net on each fold by the full protocol, then each network for a few epochs from its weights: a
node with the U-Net's block, kernel and channels begins with the U-Net's weights, every other node
with new ones. Such a score depends on the U-Net's training, so it could only screen networks.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from networks import landscape_networks
from record import EPOCHS, held_study, place_of, row_of, settings_of
from table import FOLDS, read_rows, write_rows
from torch import nn

from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.study.drive.training_tasks import TrainingTasks
from mbnas.training.loading.load_slices import load_slices
from mbnas.training.loop import initialisation
from mbnas.training.loop.fit import train_once
from mbnas.training.run_training import run_training
from mbnas.training.task import TrainingTask

Weights = Mapping[str, torch.Tensor]


def main() -> None:
    """Train what the table lacks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--networks", type=int, help="only the first")
    arguments = parser.parse_args()
    networks = dict(islice(landscape_networks().items(), arguments.networks))
    weights = _unet_weights(arguments.dataset)
    rows = read_rows(arguments.table)
    known = {(each.network, each.fold, each.initialisation) for each in rows}
    for task in _tasks(arguments.dataset, arguments.epochs, networks):
        if place_of(task) in known:
            continue
        with inheriting(weights[task.fold]):
            record = run_training(task)
        rows.append(row_of(task, record, networks))
        write_rows(arguments.table, rows)
        print(len(rows), task.architecture, f"{rows[-1].score():.4f}", flush=True)


def _tasks(dataset: Path, epochs: int, networks: Mapping[Genotype, str]) -> Iterator[TrainingTask]:
    """Yield the trainings of the first initialisation of every network."""
    with (
        TemporaryDirectory() as directory,
        held_study(Path(directory, "study"), dataset, settings_of(epochs)) as study,
    ):
        make = TrainingTasks(protocol=study.protocol, slices=study.slices, device="cpu")
        for network in networks:
            yield from make.of(network, [(0, fold) for fold in range(FOLDS)])


def _unet_weights(dataset: Path) -> dict[int, Weights]:
    """Return the weights of the U-Net after the full training on each fold."""
    weights = {}
    for task in _tasks(dataset, EPOCHS, {unet_genotype(): "unet"}):
        data = load_slices(task.slices, "cpu", task.protocol.training.slice_precision)
        weights[task.fold] = train_once(task, data).network.state_dict()
    return weights


@contextmanager
def inheriting(unet: Weights) -> Iterator[None]:
    """Let trainings begin with the U-Net's weights where a node is the U-Net's.

    Args:
        unet: The weights of a trained U-Net genotype.
    """
    draw = initialisation.random_network

    def drawn(architecture: Any, *arguments: Any, **named: Any) -> nn.Module:
        network = draw(architecture, *arguments, **named)
        own = network.state_dict()
        kept = {
            name: unet[name]
            for prefix in [f"cells.{node}." for node in _same_nodes(architecture)] + ["head."]
            if all(
                name in unet and unet[name].shape == each.shape
                for name, each in own.items()
                if name.startswith(prefix)
            )
            for name in own
            if name.startswith(prefix)
        }
        network.load_state_dict(own | kept)
        return network

    initialisation.random_network = drawn
    try:
        yield
    finally:
        initialisation.random_network = draw


def _same_nodes(genotype: Genotype) -> list[int]:
    pairs = enumerate(zip(genotype.nodes, unet_genotype().nodes, strict=True))
    return [
        n for n, (own, other) in pairs if (own.block, own.kernel) == (other.block, other.kernel)
    ]


if __name__ == "__main__":
    main()
