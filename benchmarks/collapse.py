"""Do trainings collapse? The scores of several networks before and after the remedy.

The network of a collapsed training predicts a class on none of its training slices. Two arms train
the same networks on the same folds, from the same seeds: ``before`` is the protocol
``quick`` without warm-up and with torch's own initialisation of the head, ``after`` is
``quick`` as it is, but without the repetition of collapsed trainings, which would hide them.

    python benchmarks/collapse.py DATASET --patients 20 --slice-size 48 --output FILE.json
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import as_completed
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mbnas.network.cost.complexity import complexity
from mbnas.network.genotype_network import Network
from mbnas.network.interface import Interface
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.space.search_space import Space
from mbnas.study.begin_or_resume import opened
from mbnas.study.configuration import Configuration
from mbnas.study.configuration_layers import build, merge, preset_layer
from mbnas.study.directory import Study
from mbnas.training.protocol import TrainingSettings
from mbnas.training.run_training import run_training
from mbnas.training.task import TrainingTask
from mbnas.training.training_record import TrainingRecord
from mbnas.workers.executors import ProcessExecutor

BEFORE = {"warmup_steps": 0, "head_bias": "random", "collapse_repeats": 0}
AFTER = {"collapse_repeats": 0}


def networks() -> dict[str, Genotype]:
    """Return the U-Net, three networks one block away from it, and two random ones."""
    unet = unet_genotype()

    def with_block(number: int, block: str) -> Genotype:
        nodes = list(unet.nodes)
        nodes[number - 1] = replace(nodes[number - 1], block=block)
        return Genotype(nodes=tuple(nodes))

    rng = np.random.default_rng(0)
    candidates = [Space().sample(rng) for _ in range(20)]
    cheapest = sorted(candidates, key=_multiply_accumulates)[:2]
    return {
        "U-Net": unet,
        "node 1 residual": with_block(1, "residual"),
        "node 5 inception": with_block(5, "inception"),
        "node 9 dense": with_block(9, "dense"),
        "random 1": cheapest[0],
        "random 2": cheapest[1],
    }


def _multiply_accumulates(genotype: Genotype) -> int:
    def build_network() -> Network:
        return Network(genotype, in_channels=1, num_classes=3, base_channels=8)

    return complexity(
        build_network, Interface(in_channels=1, num_classes=3, size=64)
    ).multiply_accumulates


def main() -> None:
    """Train both arms side by side and print their scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--patients", type=int, default=20)
    parser.add_argument("--slice-size", type=int, default=64)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    configuration = build(
        merge(
            preset_layer("quick"),
            {
                "dataset": str(arguments.dataset.absolute()),
                "data": {"max_patients": arguments.patients},
                "preparation": {"slice_size": arguments.slice_size},
                "protocol": {"folds": arguments.folds},
            },
        )
    )
    with TemporaryDirectory() as directory:
        rows = train_arms(configuration, Path(directory, "study"), arguments)
    print_table(rows)


def train_arms(
    configuration: Configuration, study: Path, arguments: argparse.Namespace
) -> list[dict[str, object]]:
    """Return one row per training, written to the output file as they come."""
    rows: list[dict[str, object]] = []
    with (
        opened(Study(path=study, configuration=configuration), command="collapse") as held,
        ProcessExecutor(arguments.workers) as executor,
    ):
        training: TrainingSettings = held.protocol.training
        arms = {"before": replace(training, **BEFORE), "after": replace(training, **AFTER)}
        futures = {}
        for fold in range(arguments.folds):
            for name, genotype in networks().items():
                for arm, settings in arms.items():
                    task = TrainingTask(
                        architecture=genotype,
                        protocol=replace(held.protocol, training=settings),
                        fold=fold,
                        initialisation=0,
                        slices=held.slices,
                        device="cpu",
                    )
                    futures[executor.submit(run_training, task)] = (arm, name, fold)
        for future in as_completed(futures):
            rows.append(_row(*futures[future], future.result()))
            arguments.output.write_text(json.dumps(rows, indent=1))
            print(rows[-1], flush=True)
    return rows


def _row(arm: str, network: str, fold: int, record: TrainingRecord) -> dict[str, object]:
    scored = [epoch.class_dice for epoch in record.epochs if epoch.class_dice is not None]
    return {
        "arm": arm,
        "network": network,
        "fold": fold,
        "score": record.score,
        "class_dice": np.mean(scored, axis=0).round(4).tolist(),
        "collapsed": list(record.collapsed),
        "wall_s": round(record.wall_s, 1),
        "slices_per_s": record.slices_per_s,
    }


def print_table(rows: list[dict[str, object]]) -> None:
    """Print each arm's scores by network, and how many trainings collapsed."""
    for arm in ("before", "after"):
        chosen = [row for row in rows if row["arm"] == arm]
        collapsed = sum(bool(row["collapsed"]) for row in chosen)
        print(f"{arm}: {collapsed} of {len(chosen)} collapsed")
        for network in networks():
            scores = [f"{row['score']:.3f}" for row in chosen if row["network"] == network]
            print(f"  {network:18} {' '.join(scores)}")


if __name__ == "__main__":
    main()
