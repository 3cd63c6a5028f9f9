"""Do two versions of mbnas search the same? Two studies of one configuration, side by side.

A change that makes trainings faster must not change their scores. This compares the ledgers of two
searches from the same seed: whether they asked for the same networks in the same order, and how far
the scores of each training differ.

    python benchmarks/scores.py BEFORE AFTER --output benchmarks/results/scores.json
"""

from __future__ import annotations

import argparse
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from measuring import described, machine, write

from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger


def main() -> None:
    """Compare two studies, write JSON and a page next to it, print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path, help="a study of the one version")
    parser.add_argument("after", type=Path, help="a study of the other")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    measured = {"machine": machine()} | compared(arguments.before, arguments.after)
    write(measured, page(measured), arguments.output)


def compared(before: Path, after: Path) -> dict[str, Any]:
    """Return what two studies have in common, and how far apart their scores are."""
    (asked_before, first), (asked_after, second) = map(asked_and_scored, (before, after))
    common = len(
        list(
            takewhile(lambda pair: pair[0] == pair[1], zip(asked_before, asked_after, strict=False))
        )
    )
    both = sorted(first.keys() & second.keys())
    differences = np.array([second[key] - first[key] for key in both])
    training = Study.open(before).configuration.training
    return {
        "precision": training.precision,
        "steps": training.epochs * (training.steps_per_epoch or 0),
        "networks": [len(asked_before), len(asked_after)],
        "same_networks_from_the_start": common,
        "trainings_in_both": len(both),
        "equal_to_the_last_digit": int((differences == 0).sum()),
        "scores": [[first[key], second[key]] for key in both],
        "mean_difference": float(differences.mean()),
        "standard_deviation": float(differences.std()),
        "largest_difference": float(np.abs(differences).max()),
        "spread_of_scores": float(np.std([first[key] for key in both])),
    }


def asked_and_scored(path: Path) -> tuple[list[str], dict[tuple[str, int, int], float]]:
    """Return the networks that a study asked for, in order, and the scores of its trainings."""
    with Ledger.open(Study.open(path).ledger, read_only=True) as ledger:
        asked = [str(each.genotype) for each in ledger.evaluations()]
        scores = {
            (each.key.network, each.key.fold, each.key.initialisation): each.score
            for each in ledger.trainings(with_epochs=False)
            if each.score is not None
        }
    return asked, scores


def page(measured: dict[str, Any]) -> str:
    """Return the comparison as a page."""
    asked, common = measured["networks"], measured["same_networks_from_the_start"]
    trainings, equal = measured["trainings_in_both"], measured["equal_to_the_last_digit"]
    lines = [
        "# The same search before and after",
        "",
        described(measured["machine"]),
        "",
        f"In {measured['precision']}, {measured['steps']} steps a training.",
        "",
        "| | |",
        "| --- | --- |",
        f"| networks asked for, before and after | {asked[0]}, {asked[1]} |",
        f"| the same ones in the same order, from the start | {common} |",
        f"| trainings that both have | {trainings} |",
        f"| of these with a score equal to the last digit | {equal} |",
        f"| mean difference of scores | {measured['mean_difference']:+.5f} |",
        f"| standard deviation of differences | {measured['standard_deviation']:.5f} |",
        f"| largest difference | {measured['largest_difference']:.5f} |",
        f"| standard deviation of the scores themselves | {measured['spread_of_scores']:.5f} |",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
