"""How often does a comparison call equal networks different, and do words and interval agree?

Simulated Dice of two or more networks whose mean over all patients is equal. A network's Dice of a
patient differs from another's by what the architecture does to this patient, by the randomness of a
training, which the patients of a fold share, and by noise. How large these are is estimated from
the patients of ``docs/results/archive/hippocampus_experiment``.

    python benchmarks/claims.py --output benchmarks/results/claims.json

Ten minutes of one core.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from mbnas.scoring.differences import ALPHA, compare_networks
from mbnas.scoring.intervals import bootstrap_mean
from mbnas.scoring.paired_tests import compare

ROOT = Path(__file__).parents[1]
PATIENTS = ROOT / "docs/results/archive/hippocampus_experiment/patients.csv"
DESIGNS = ((6, 3), (10, 5), (21, 3), (30, 5))
"""Patients and folds."""
INITIALISATIONS = (1, 5, 20)
RESAMPLES = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the difference of two equal networks in a patient's Dice is made of.

    Attributes:
        patient_sd: Standard deviation of the architectures' effect on a patient.
        training_sd: Standard deviation between trainings, shared by the patients of a fold.
        noise_sd: Standard deviation of the rest, drawn for each patient and training.
        tails: Degrees of freedom of Student's t that ``patient_sd`` is drawn by; ``None`` for a
            normal distribution.
        shift: True difference.
    """

    patient_sd: float
    training_sd: float
    noise_sd: float
    tails: int | None = None
    shift: float = 0.0

    def differences(
        self, rng: np.random.Generator, patients: int, folds: int, initialisations: int
    ) -> np.ndarray:
        """Return differences by initialisation and patient; patient p is in fold p modulo folds."""
        of_patient = (
            rng.normal(0, 1, patients)
            if self.tails is None
            else rng.standard_t(self.tails, patients) / math.sqrt(self.tails / (self.tails - 2))
        )
        of_training = rng.normal(0, self.training_sd, (initialisations, folds))
        noise = rng.normal(0, self.noise_sd, (initialisations, patients))
        luck = of_training[:, np.arange(patients) % folds]
        return self.shift + self.patient_sd * of_patient + luck + noise


def components() -> World:
    """Return the parts of differences between networks of a real experiment (root mean squares)."""
    values: dict[tuple[str, int, str], list[float]] = defaultdict(list)
    fold_of = {}
    with PATIENTS.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            fold_of[row["patient"]] = int(row["fold"])
            if row["dice"]:
                key = row["network"], int(row["initialisation"]), row["patient"]
                values[key].append(float(row["dice"]))
    networks, initialisations, patients = (sorted({key[k] for key in values}) for k in range(3))
    dice_NIP = np.array(
        [[[np.mean(values[n, i, p]) for p in patients] for i in initialisations] for n in networks]
    )
    folds = np.array([fold_of[each] for each in patients])
    found = [
        _parts(dice_NIP[first] - dice_NIP[second], folds)
        for first, second in combinations(range(len(networks)), 2)
    ]
    patient, training, noise = np.maximum(np.mean(found, axis=0), 0)
    return World(
        patient_sd=round(math.sqrt(patient), 4),
        training_sd=round(math.sqrt(training), 4),
        noise_sd=round(math.sqrt(noise), 4),
    )


def _parts(differences_IP: np.ndarray, folds: np.ndarray) -> tuple[float, float, float]:
    """Return the variances of patients, of trainings and of noise, by moments."""
    num_initialisations = len(differences_IP)
    residuals_IP = differences_IP - differences_IP.mean(axis=0)
    training, noise = [], []
    for fold in np.unique(folds):
        of_fold = residuals_IP[:, folds == fold]
        luck = of_fold.mean(axis=1)
        rest = ((of_fold - luck[:, None]) ** 2).sum()
        noise.append(rest / ((num_initialisations - 1) * (of_fold.shape[1] - 1)))
        training.append(luck.var(ddof=1) - noise[-1] / of_fold.shape[1])
    spread = differences_IP.mean(axis=0).var(ddof=1)
    patient = spread - (np.mean(noise) + np.mean(training)) / num_initialisations
    return float(patient), float(np.mean(training)), float(np.mean(noise))


Test = Callable[[np.ndarray], bool]


def sign_flips(differences_P: np.ndarray) -> bool:
    """Whether mbnas concludes that one of two networks is better."""
    values = np.stack([differences_P, np.zeros_like(differences_P)], axis=1)
    (found,) = compare_networks(values, rng=np.random.default_rng(0))
    return found.verdict in ("first", "second")


OVER_PATIENTS: dict[str, Test] = {
    "sign flips over patients (mbnas)": sign_flips,
    "signed ranks over patients": lambda differences_P: compare(differences_P).p < ALPHA,
    "t over patients": lambda differences_P: (
        float(stats.ttest_1samp(differences_P, 0).pvalue) < ALPHA
    ),
}
OVER_BLOCKS = "signed ranks over blocks (the paper)"
CONTRADICTED = "words over blocks contradict the bootstrap interval over patients"


def rates(
    world: World, patients: int, folds: int, initialisations: int, replicates: int
) -> dict[str, float]:
    """Return the share of comparisons in which each test calls the networks different."""
    rng = np.random.default_rng(0)
    counts = dict.fromkeys((*OVER_PATIENTS, OVER_BLOCKS, CONTRADICTED), 0)
    for _ in range(replicates):
        differences_IP = world.differences(rng, patients, folds, initialisations)
        of_patients = differences_IP.mean(axis=0)
        blocks = np.stack([differences_IP[:, fold::folds].mean(axis=1) for fold in range(folds)])
        for name, test in OVER_PATIENTS.items():
            counts[name] += test(of_patients)
        is_called = compare(blocks.ravel()).p < ALPHA
        interval = bootstrap_mean(of_patients, rng=rng, num_resamples=RESAMPLES)
        assert interval is not None
        counts[OVER_BLOCKS] += is_called
        counts[CONTRADICTED] += is_called == (interval.low <= 0 <= interval.high)
    return {name: count / replicates for name, count in counts.items()}


def families(world: World, patients: int, num_networks: int, replicates: int) -> dict[str, float]:
    """Return how often any of all pairs of equal networks is called different, or misses 0."""
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(replicates):
        values_PN = rng.normal(0, world.patient_sd / math.sqrt(2), (patients, num_networks))
        found = compare_networks(values_PN, rng=rng)
        wrong += any(each.verdict in ("first", "second") for each in found)
    return {"networks": num_networks, "patients": patients, "any wrong": wrong / replicates}


def measured(replicates: int) -> dict[str, Any]:
    """Return all that is simulated."""
    world = components()
    alike = [
        {
            "world": name,
            "patients": patients,
            "folds": folds,
            "initialisations": initialisations,
            "rates": rates(each, patients, folds, initialisations, replicates),
        }
        for name, each in {
            "no luck of training": replace(world, training_sd=0.0),
            "luck of training as estimated": world,
            "heavy tails (t, 3 degrees), no luck": replace(world, training_sd=0.0, tails=3),
        }.items()
        for patients, folds in DESIGNS
        for initialisations in INITIALISATIONS
        if each.tails is None or initialisations == INITIALISATIONS[1]
    ]
    different = [
        {
            "tails": tails or "normal",
            "patients": patients,
            "shift": shift,
            "rates": rates(
                replace(world, shift=shift, tails=tails), patients, folds, 5, replicates
            ),
        }
        for tails in (None, 3)
        for patients, folds in ((10, 5), (21, 3), (30, 5))
        for shift in (0.01, 0.02)
    ]
    together = [
        families(world, patients, num_networks, replicates)
        for patients in (10, 21)
        for num_networks in (4, 7)
    ]
    return {
        "components": asdict(world),
        "replicates": replicates,
        "alike": alike,
        "different": different,
        "together": together,
    }


HEAD = """\
# Claims: are equal networks called different?

Made by `python benchmarks/claims.py`, {replicates} comparisons a row: the standard
error of a share of 5 % is {error:.1f} points ({about}).

Differences of two networks whose true mean is equal, with standard deviations as estimated from the
patients of `docs/results/archive/hippocampus_experiment`: {patient_sd} of patients, {training_sd}
of the luck of a training, which the patients of its fold share, {noise_sd} of noise. A share of
5 % is what a test at 0.05 may have.

**Over blocks** (one initialisation on one fold) more initialisations make it worse: what an
architecture does to the patients of a fold comes back in each of its blocks. **Over patients** more
initialisations do no harm. The luck of training, which patients of a fold share, makes the share
larger than 5 % with one initialisation, and several average over it.

"""


def page(found: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    machine = found["machine"]
    text = HEAD.format(
        replicates=found["replicates"],
        error=100 * math.sqrt(ALPHA * (1 - ALPHA) / found["replicates"]),
        about=f"Python {machine['python']}, NumPy {machine['numpy']}, {machine['measured_at']}",
        **found["components"],
    )
    names = [*OVER_PATIENTS, OVER_BLOCKS, CONTRADICTED]
    text += "## Equal networks: share called different, %\n\n"
    text += _table(
        ["world", "patients", "folds", "initialisations", *names],
        [
            [each["world"], each["patients"], each["folds"], each["initialisations"]]
            + [_percent(each["rates"][name]) for name in names]
            for each in found["alike"]
        ],
    )
    text += "\n## Networks that differ: share called different, %, 5 initialisations\n\n"
    text += _table(
        ["tails", "patients", "true difference", *OVER_PATIENTS],
        [
            [each["tails"], each["patients"], each["shift"]]
            + [_percent(each["rates"][name]) for name in OVER_PATIENTS]
            for each in found["different"]
        ],
    )
    text += (
        "\nThe mean is tested, as it is what tables show: by sign flips its p and its interval are "
        "one, whatever the number of patients. Signed ranks find a little more where patients have "
        "heavy tails, but of the pseudo-median, which can lie on the other side of 0 than the mean "
        "of the table.\n"
    )
    text += "\n## All pairs of equal networks together (Bonferroni): any called different, %\n\n"
    return text + _table(
        ["networks", "patients", "any wrong"],
        [
            [each["networks"], each["patients"], _percent(each["any wrong"])]
            for each in found["together"]
        ],
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _table(heads: list[str], rows: list[list[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *([str(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    """Simulate all of it, write JSON and a page, and print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=600, help="a row (default 600)")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    began = time.perf_counter()
    found = measured(arguments.replicates)
    found["machine"] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "cores": os.cpu_count(),
        "wall_s": round(time.perf_counter() - began),
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = page(found)
    arguments.output.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
