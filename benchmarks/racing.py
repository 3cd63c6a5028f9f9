"""What does racing save, and what does it cost? Local search on landscapes with known truth.

The landscapes are those of noise.py, which the real local search climbs. In ``shadow`` it never
drops a candidate, and each threshold is asked afterwards what it would have dropped: trainings
saved, and accepted steps that would have been lost. In ``race`` it drops, and its best network is
compared with that of the same search without racing.

    python benchmarks/racing.py --output benchmarks/results/racing.json
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from noise_arms import scores_of
from noise_world import MAIN, WORLDS, Landscape, World, components
from racing_page import markdown, plot

from mbnas.search.local import local_search
from mbnas.search.racing.chance import (
    UNKNOWN,
    Variance,
    chance_to_beat,
    expected_score,
    typical,
    variance,
)
from mbnas.seeds import generator
from mbnas.space.genotype import Genotype
from mbnas.space.search_space import Space

THRESHOLDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
DESIGNS = ((5, 3), (3, 3), (5, 2), (3, 2))
"""Folds and initialisations."""

NUM_NETWORKS = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A network that was scored, and what it competed with.

    Attributes:
        scores_IF: Of all its trainings.
        incumbent_IF: Of all the incumbent's; ``None`` for a start, which is not raced.
        accepted: Whether the search took it, by its full score.
        proposal: Number of the proposal.
    """

    scores_IF: np.ndarray
    incumbent_IF: np.ndarray | None
    accepted: bool
    proposal: int


Rule = Callable[[np.ndarray, np.ndarray, int, Variance], tuple[list[float], float]]
"""Returns differences after a number of blocks, and the chance to beat."""


def by_fold(
    scores_IF: np.ndarray, incumbent_IF: np.ndarray, num_blocks: int, prior: Variance
) -> tuple[list[float], float]:
    """Return what mbnas does: against the incumbent's mean on the fold, with a prior variance."""
    differences = (scores_IF[:num_blocks] - incumbent_IF.mean(axis=0)).ravel().tolist()
    return differences, chance_to_beat(differences, scores_IF.size - len(differences), prior)


def by_fold_alone(
    scores_IF: np.ndarray, incumbent_IF: np.ndarray, num_blocks: int, prior: Variance
) -> tuple[list[float], float]:
    """Return the same with only the candidate's own spread."""
    return by_fold(scores_IF, incumbent_IF, num_blocks, UNKNOWN)


def by_initialisation_alone(
    scores_IF: np.ndarray, incumbent_IF: np.ndarray, num_blocks: int, prior: Variance
) -> tuple[list[float], float]:
    """Return the same against the incumbent's score of the same fold and initialisation."""
    differences = (scores_IF - incumbent_IF)[:num_blocks].ravel().tolist()
    return differences, chance_to_beat(differences, scores_IF.size - len(differences))


RULES: dict[str, Rule] = {
    "to the fold's mean, with a prior variance (mbnas)": by_fold,
    "to the fold's mean, own spread alone": by_fold_alone,
    "to the same fold and initialisation, own spread alone": by_initialisation_alone,
}


def raced(
    scores_IF: np.ndarray, incumbent_IF: np.ndarray, threshold: float, prior: Variance, rule: Rule
) -> tuple[int, list[float]]:
    """Return how many blocks a candidate is trained for, and its differences in them."""
    num_blocks = len(scores_IF)
    for seen in range(1, num_blocks):
        differences, chance = rule(scores_IF, incumbent_IF, seen, prior)
        if chance < threshold:
            return seen, differences
    return num_blocks, rule(scores_IF, incumbent_IF, num_blocks, prior)[0]


def full_search(landscape: Landscape, folds: int, initialisations: int) -> list[Candidate]:
    """Return every network of a search without racing, in order."""
    searcher = local_search(Space(), generator(landscape.seed, "search"))
    means: dict[Genotype, float] = {}
    candidates: list[Candidate] = []
    asked, number = next(searcher), 0
    while True:
        number += 1
        new = [each for each in dict.fromkeys(asked.genotypes) if each not in means]
        new = new[: NUM_NETWORKS - len(means)]
        scores = {each: scores_of(landscape, each, folds, initialisations) for each in new}
        means |= {each: float(scores[each].mean()) for each in new}
        incumbent = asked.incumbent
        bar = means[incumbent] if incumbent is not None else -math.inf
        best = max(asked.genotypes, key=lambda each: means.get(each, -math.inf))
        candidates += [
            Candidate(
                scores_IF=scores[each],
                incumbent_IF=None
                if incumbent is None
                else scores_of(landscape, incumbent, folds, initialisations),
                accepted=incumbent is not None and each == best and means[each] > bar,
                proposal=number,
            )
            for each in new
        ]
        if len(means) == NUM_NETWORKS:
            return candidates
        asked = searcher.send([means[each] for each in asked.genotypes])


def shadow(candidates: list[Candidate], threshold: float, rule: Rule) -> dict[str, int]:
    """Return what a threshold would have dropped of a search without racing.

    The prior is of the candidates of earlier proposals, each as far as it would have been trained.
    """
    counts = dict.fromkeys(("trainings", "saved", "accepted", "changed", "raced", "wrong"), 0)
    known: list[Variance] = []
    coming: list[Variance] = []
    prior, proposal = UNKNOWN, 0
    for each in candidates:
        counts["trainings"] += each.scores_IF.size
        if each.incumbent_IF is None:
            continue
        if each.proposal != proposal:
            known, coming, proposal = known + coming, [], each.proposal
            prior = typical(known)
        kept, differences = raced(each.scores_IF, each.incumbent_IF, threshold, prior, rule)
        coming.append(variance(differences))
        dropped = kept < len(each.scores_IF)
        counts["saved"] += (len(each.scores_IF) - kept) * each.scores_IF.shape[1]
        counts["accepted"] += each.accepted
        counts["changed"] += each.accepted and dropped
        counts["raced"] += 1
        counts["wrong"] += dropped and each.scores_IF.mean() > each.incumbent_IF.mean()
    return counts


def race(
    landscape: Landscape, folds: int, initialisations: int, threshold: float
) -> Iterator[tuple[int, float]]:
    """Yield, after every network of a search that drops, the trainings so far and the best's truth.

    The best is the one of the highest score among those trained in full.
    """
    searcher = local_search(Space(), generator(landscape.seed, "search"))
    scores: dict[Genotype, float] = {}
    known: list[Variance] = []
    trainings, best, best_score = 0, math.nan, -math.inf
    proposal = next(searcher)
    while True:
        prior, coming = typical(known), []
        for genotype in dict.fromkeys(proposal.genotypes):
            if genotype in scores:
                continue
            scores_IF = scores_of(landscape, genotype, folds, initialisations)
            kept, scores[genotype] = initialisations, float(scores_IF.mean())
            if proposal.incumbent is not None:
                incumbent_IF = scores_of(landscape, proposal.incumbent, folds, initialisations)
                kept, differences = raced(scores_IF, incumbent_IF, threshold, prior, by_fold)
                coming.append(variance(differences))
                if kept < initialisations:
                    scores[genotype] = expected_score(float(incumbent_IF.mean()), differences)
            trainings += kept * folds
            if kept == initialisations and scores[genotype] > best_score:
                best, best_score = landscape.true(genotype), scores[genotype]
            yield trainings, best
        known += coming
        proposal = searcher.send([scores[each] for each in proposal.genotypes])


def ends(
    landscape: Landscape, folds: int, initialisations: int, threshold: float
) -> tuple[float, float]:
    """Return the best's truth at as many networks, and at as many trainings, as without racing."""
    budget = NUM_NETWORKS * folds * initialisations
    at_networks = at_trainings = math.nan
    for number, (trainings, best) in enumerate(
        race(landscape, folds, initialisations, threshold), start=1
    ):
        if trainings > budget:
            return at_networks, at_trainings
        at_trainings = best
        if number == NUM_NETWORKS:
            at_networks = best
    raise AssertionError("A race does not end by itself.")


def shadowed(
    world: World, design: tuple[int, int], replicates: int, rules: dict[str, Rule]
) -> list[dict[str, Any]]:
    """Return what each rule and threshold saves and changes over many searches."""
    searches = [
        full_search(Landscape(world=world, seed=seed), *design) for seed in range(replicates)
    ]
    rows = []
    for name, rule in rules.items():
        for threshold in THRESHOLDS:
            counts = [shadow(search, threshold, rule) for search in searches]
            total = {key: int(sum(each[key] for each in counts)) for key in counts[0]}
            saved = [100 * each["saved"] / each["trainings"] for each in counts]
            rows.append(
                {
                    "folds": design[0],
                    "initialisations": design[1],
                    "rule": name,
                    "threshold": threshold,
                    "saved_percent": quartiles(saved),
                    "changed_percent": 100 * total["changed"] / total["accepted"],
                    "changed_percent_se": ratio_se(counts, "changed", "accepted"),
                    "wrong_percent": 100 * total["wrong"] / total["raced"],
                    "searches_changed_percent": 100
                    * float(np.mean([each["changed"] > 0 for each in counts])),
                    "counts": total,
                }
            )
    return rows


def ratio_se(counts: list[dict[str, int]], part: str, whole: str) -> float:
    """Return the standard error, in per cent, of a share pooled over searches (linearised)."""
    parts, wholes = (np.array([each[key] for each in counts], float) for key in (part, whole))
    left = parts - parts.sum() / wholes.sum() * wholes
    return 100 * math.sqrt(len(counts) / (len(counts) - 1) * (left**2).sum()) / wholes.sum()


def ended(world: World, design: tuple[int, int], replicates: int) -> list[dict[str, Any]]:
    """Return by how much the best network's true score differs from the search without racing."""
    rows = []
    lands = [Landscape(world=world, seed=seed) for seed in range(replicates)]
    plain = [ends(each, *design, 0.0)[0] for each in lands]  # no chance is below 0
    for threshold in THRESHOLDS:
        found = np.array([ends(each, *design, threshold) for each in lands])
        gains = found - np.array(plain)[:, None]
        rows.append(
            {
                "folds": design[0],
                "initialisations": design[1],
                "threshold": threshold,
                "equal_networks": spread(gains[:, 0]),
                "equal_trainings": spread(gains[:, 1]),
            }
        )
    return rows


def quartiles(values: list[float]) -> list[float]:
    """Return lower quartile, median and upper quartile."""
    return [float(each) for each in np.percentile(values, (25, 50, 75)).round(2)]


def spread(values: np.ndarray) -> dict[str, Any]:
    """Return mean, its standard error, and the quartiles of differences of Dice."""
    return {
        "mean": float(values.mean()),
        "se": float(values.std(ddof=1) / math.sqrt(values.size)),
        "quartiles": [float(each) for each in np.percentile(values, (25, 50, 75)).round(5)],
    }


def main() -> None:
    """Simulate all of it, write JSON, a page and a plot, and print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=80, help="searches (default 80)")
    parser.add_argument("--races", type=int, default=40, help="of those, raced (default 40)")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    began = time.perf_counter()
    mbnas_alone = dict(list(RULES.items())[:1])
    half = max(2, arguments.replicates // 2)
    measured = {
        "machine": {
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "cores": os.cpu_count(),
        },
        "seeds": f"0 to {arguments.replicates - 1}, races 0 to {arguments.races - 1}, "
        f"other worlds 0 to {half - 1}",
        "num_networks": NUM_NETWORKS,
        "components": components(),
        "world": asdict(MAIN),
        "shadow": [
            row for design in DESIGNS for row in shadowed(MAIN, design, arguments.replicates, RULES)
        ],
        "worlds": [
            {"world": name, **row}
            for name, other in WORLDS.items()
            for design in DESIGNS
            for row in shadowed(other, design, half, mbnas_alone)
        ],
        "races": [row for design in DESIGNS for row in ended(MAIN, design, arguments.races)],
    }
    measured["machine"]["cpu_s"] = round(time.process_time())
    measured["machine"]["wall_s"] = round(time.perf_counter() - began)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    plot(measured, arguments.output.with_suffix(".svg"))
    page = markdown(measured, arguments.output.with_suffix(".svg").name)
    arguments.output.with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
