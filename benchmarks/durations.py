"""How well the durations of trainings are predicted, on the searches recorded in docs/results.

    python benchmarks/durations.py > benchmarks/results/durations.md

Each network's trainings are predicted from those of the networks before it, as ``--hours`` and the
time told before a search do. The same is done with multiply-accumulates in place of activations,
and with the mean duration so far. Nothing is trained.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mbnas.network.cost.complexity import Complexity
from mbnas.network.cost.genotype_cost import GenotypeCost
from mbnas.network.interface import Interface
from mbnas.space.genotype import Genotype
from mbnas.study.progress.forecast import speed_of_trainings
from mbnas.training.training_record import FIRST_FRESH

RESULTS = Path(__file__).parents[1] / "docs/results"
CHANNELS = {"chase": (3, 2)}
"""Channels of images and logits where they are not one and three."""

FIRST = 3
"""Networks that are trained before the first prediction."""

Ended = tuple[float, Complexity]
Predict = Callable[[Sequence[Ended], Complexity], float]


def main() -> None:
    """Print the page."""
    print(
        "# Predicted durations of trainings\n\n"
        "Made by `python benchmarks/durations.py`. Each network after the third is predicted from\n"
        "those before it. The error is the factor between the predicted and the real duration of\n"
        "its trainings, its median and its 90th percentile; the last column is the predicted over\n"
        "the real sum. The machines of hippocampus and usgra were under other load.\n\n"
        "| search | networks | predicted from | error, median | error, 90th percentile | sum |\n"
        "| --- | --- | --- | --- | --- | --- |"
    )
    for folder in sorted(path.parent for path in RESULTS.glob("*/study.toml")):
        ended = trainings_of(folder)
        for name, predict in PREDICTORS.items():
            predicted, real = predictions(ended, predict)
            factors = np.exp(np.abs(np.log(predicted / real)))
            print(
                f"| {folder.name} | {len(ended)} | {name} | {np.median(factors):.2f} "
                f"| {np.quantile(factors, 0.9):.2f} | {predicted.sum() / real.sum():.2f} |"
            )


def trainings_of(folder: Path) -> list[list[Ended]]:
    """Return the trainings of each network of a recorded search, in order."""
    study = tomllib.loads((folder / "study.toml").read_text("utf-8"))
    preparation = study["preparation"]
    size = preparation.get("patch_size", preparation.get("slice_size"))
    in_channels, num_classes = CHANNELS.get(folder.name, (1, 3))
    interface = Interface(in_channels=in_channels, num_classes=num_classes, size=size)
    cost = GenotypeCost(interface=interface, base_channels=study["training"]["base_channels"])
    found: dict[str, list[Ended]] = {}
    with (folder / "trainings.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if int(row["initialisation"]) < FIRST_FRESH and not row["error"]:
                ended = float(row["wall_s"]), cost(Genotype.parse(row["network"]))
                found.setdefault(row["network"], []).append(ended)
    return list(found.values())


def predictions(
    networks: Sequence[Sequence[Ended]], predict: Predict
) -> tuple[np.ndarray, np.ndarray]:
    """Return the predicted and the real mean duration of each network but the first few."""
    pairs = [
        (
            predict([each for of in networks[:number] for each in of], network[0][1]),
            np.mean([seconds for seconds, _ in network]),
        )
        for number, network in enumerate(networks)
        if number >= FIRST
    ]
    predicted, real = np.array(pairs).T
    return predicted, real


def by_activations(before: Sequence[Ended], cost: Complexity) -> float:
    """Return the duration as mbnas predicts it."""
    speed = speed_of_trainings(before, workers=1)
    assert speed is not None
    return speed.training_s(cost)


def by_macs(before: Sequence[Ended], cost: Complexity) -> float:
    """Return the duration predicted from multiply-accumulates alone."""

    def alone(each: Complexity) -> Complexity:
        return replace(each, activations=each.multiply_accumulates)

    return by_activations([(seconds, alone(each)) for seconds, each in before], alone(cost))


def by_mean(before: Sequence[Ended], cost: Complexity) -> float:
    """Return the mean duration so far."""
    return float(np.mean([seconds for seconds, _ in before]))


PREDICTORS: dict[str, Predict] = {
    "activations, as mbnas does": by_activations,
    "multiply-accumulates": by_macs,
    "the mean": by_mean,
}


if __name__ == "__main__":
    main()
