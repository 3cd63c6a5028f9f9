"""What a recorded landscape says: how much networks differ, how noisy a score is, what ranks them.

    python benchmarks/landscape/analyse.py TABLE.csv [--cheaper NAME=OTHER.csv ...] > PAGE.md

A cheaper score is compared with the full one by Kendall's τ over networks. The two come from
different initialisations, so that they do not share their luck: the full score is the mean of all
initialisations but the first, the cheaper one is of the first alone. The highest τ that can be
reached is that of the full score of the first initialisation.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import bootstrap, kendalltau
from table import FOLDS, Row, read_rows, scores_of

from mbnas.scoring.noise.score_table import ScoreTable
from mbnas.scoring.noise.variance_components import variance_components
from mbnas.space.genotype import Genotype


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--cheaper", nargs="*", default=[], metavar="NAME=TABLE.csv")
    arguments = parser.parse_args()
    rows = read_rows(arguments.table)
    cheaper = dict(each.split("=", 1) for each in arguments.cheaper)
    print(_spread_part(rows))
    print(_shape_part(rows))
    short = {name: read_rows(Path(path)) for name, path in cheaper.items()}
    print("All networks:\n\n" + _cheaper_part(rows, short))
    near = [row for row in rows if row.drawn != "uniform"]
    print("\nThe U-Net and networks near it:\n\n" + _cheaper_part(near, short))


def tau(one: Mapping[Genotype, float], other: Mapping[Genotype, float]) -> tuple[float, ...]:
    """Return Kendall's τ over the networks of both, its 95 % bootstrap interval, and their number.

    Networks are drawn with replacement; pairs of one network with itself do not count (τ-b).
    """
    both = [each for each in one if each in other]
    pairs = (np.array([one[each] for each in both]), np.array([other[each] for each in both]))
    found = bootstrap(
        pairs,
        lambda x, y: kendalltau(x, y).statistic,
        paired=True,
        vectorized=False,
        n_resamples=2000,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    low, high = found.confidence_interval
    return float(kendalltau(*pairs).statistic), float(low), float(high), len(both)


def _spread_part(rows: Sequence[Row]) -> str:
    scores = scores_of(rows)
    drawn = {row.network: row.drawn for row in rows}
    lines = [
        f"{len(rows)} trainings of {len(drawn)} networks.",
        "",
        (
            "| networks | number | mean Dice | spread between networks | noise of one training | "
            "shared by the folds of an initialisation | for the patients of a fold |"
        ),
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for kinds in (("near", "unet"), ("uniform",), ("near", "unet", "uniform")):
        kept = [each for network, each in scores.items() if drawn[network] in kinds]
        found = variance_components(ScoreTable.of(kept)) if len(kept) > 1 else None
        if found is None:
            continue
        numbers = (found.network, found.residual, found.initialisation, found.network_fold)
        mean = np.mean([each.mean() for each in kept])
        cells = [" and ".join(kinds), str(len(kept)), f"{mean:.4f}"]
        lines.append(f"| {' | '.join([*cells, *(f'{v**0.5:.4f}' for v in numbers)])} |")
    again = sum(row.attempts > 1 for row in rows)
    lines += ["", f"{again} of {len(rows)} trainings collapsed at first and were started again."]
    return "\n".join(lines)


def _shape_part(rows: Sequence[Row]) -> str:
    """Return how the scores of uniform draws are distributed, on the first fold.

    The simulated worlds (``noise_world.World``) take ``top − Dice`` to be log-normal, and its
    likelihood is maximised here.
    """
    scores: dict[str, list[float]] = {"unet": [], "uniform": []}
    for row in rows:
        if row.fold == row.initialisation == 0 and row.drawn in scores:
            scores[row.drawn].append(row.score())
    drawn = np.array(scores["uniform"])
    if len(drawn) < 3 or not scores["unet"]:
        return ""
    unet = scores["unet"][0]
    tops = drawn.max() + np.geomspace(1e-3, 0.2, 200)
    top = max(tops, key=lambda each: _log_likelihood(np.log(each - drawn)))
    logs = np.log(top - drawn)
    centre, bend = float(logs.mean()), float(logs.std())
    rank = (centre - np.log(top - unet)) / bend
    shown = ", ".join(f"{each:.3f}" for each in np.quantile(drawn, (0.1, 0.25, 0.5, 0.75, 0.9, 1)))
    return (
        f"\nOn the first fold, {len(drawn)} uniform draws have a Dice of {shown} (quantiles 0.1, "
        f"0.25, 0.5, 0.75, 0.9 and the highest); the U-Net has {unet:.3f}, and "
        f"{np.mean(drawn > unet):.0%} of the draws have more. As a simulated world: spread "
        f"{bend * np.exp(centre):.3f}, bend {bend:.2f}, the U-Net's rank {rank:.2f}; nothing has "
        f"more than {top:.3f}.\n"
    )


def _log_likelihood(logs: np.ndarray) -> float:
    """Return the logarithm of a log-normal likelihood at its best parameters, up to a constant."""
    return -float(len(logs) * np.log(logs.std()) + logs.sum())


def _cheaper_part(rows: Sequence[Row], cheaper: Mapping[str, Sequence[Row]]) -> str:
    scores = scores_of(rows)
    truth = {network: float(each[1:].mean()) for network, each in scores.items() if len(each) > 1}
    full = {network: float(each[0].mean()) for network, each in scores.items()}
    entries: list[tuple[str, dict[Genotype, float], float]] = [("the full score", full, 1.0)]
    for fold in range(FOLDS):
        one = {network: float(each[0, fold]) for network, each in scores.items()}
        entries.append((f"fold {fold} alone", one, 1 / FOLDS))
    for name, short in cheaper.items():
        found = scores_of([row for row in short if row.initialisation == 0])
        cost = len(short[0].dice) / len(rows[0].dice)  # in epochs
        entries.append(
            (name, {network: float(each[0].mean()) for network, each in found.items()}, cost)
        )
        for fold in range(FOLDS):
            one = {network: float(each[0, fold]) for network, each in found.items()}
            entries.append((f"{name}, fold {fold} alone", one, cost / FOLDS))
    lines = [
        "| score | cost | Kendall's τ | 95 % interval | networks |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, values, cost in entries:
        if len(set(values) & set(truth)) < 3:
            continue
        value, low, high, number = tau(values, truth)
        lines.append(f"| {name} | {cost:.2f} | {value:.2f} | {low:.2f} to {high:.2f} | {number} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
