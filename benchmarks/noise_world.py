"""Simulated worlds for noise.py: every genotype has a true Dice, every training a noisy one.

A true Dice is the sum of main effects of genes and of effects of pairs of genes, bent so that the
best networks differ less than the worst. The U-Net has a fixed rank. A measured Dice, of a patient
in a training, adds what the network is worth for this patient, an effect of the training, and a
residual; some trainings collapse. Spread, bend and rank are those of recorded networks
(``landscape/analyse.py``).
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mbnas.seeds import derive_seed
from mbnas.space.genotype import Genotype
from mbnas.space.reference import reference_genotype
from mbnas.space.search_space import Space

ROOT = Path(__file__).parents[1]
SPACE = Space()
UNET = reference_genotype(SPACE)
MEAN = 0.75
"""Dice of the mean network."""

LOST = 0.4
"""Dice that a collapsed training loses."""

LEVEL_WEIGHT = 2.5
"""Effect of a node's step in levels, where that of any other gene or pair is 1."""

NUM_DRAWS = 300
"""Uniform draws by which effects are scaled."""

CHUNK = 16
"""Initialisations that are drawn at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How scores come about; numbers are standard deviations of Dice where not stated.

    Attributes:
        spread: Of the true Dice over uniformly drawn networks, if it were not bent.
        bend: How much less the best networks differ than the worst, above 0. A network z standard
            deviations above the mean of uniform draws has spread · (1 − exp(−bend · z)) / bend
            more Dice than the mean one.
        pairs: Share of its variance, before bending, from pairs of genes.
        unet: Rank of the U-Net, in standard deviations above the mean of uniform draws.
        training: Effect of a training on all its patients.
        residual: Of a patient in a training.
        patient: What a network is worth for a patient, beyond its true Dice. Half of its variance
            comes from genes, so that similar networks suit similar patients.
        shared: Share of a training's variance that all networks have in common.
        uneven: Standard deviation of the logarithm of the noise over networks.
        collapse: Chance that a training collapses, on average over networks.
        num_patients: In the folds.
    """

    spread: float = 0.06
    bend: float = 1.2
    pairs: float = 0.4
    unet: float = 1.0
    training: float = 0.006
    residual: float = 0.0193
    patient: float = 0.0142
    shared: float = 0.1
    uneven: float = 0.25
    collapse: float = 0.002
    num_patients: int = 20


MAIN = World()
WORLDS = {
    "the U-Net is among the best": replace(MAIN, unet=2.0),
    "as ultrasound was recorded": replace(MAIN, spread=0.07, bend=0.8, unet=1.9),
    "networks hardly differ": replace(MAIN, spread=0.02),
    "both": replace(MAIN, spread=0.02, unet=2.0),
    "effects of genes add up": replace(MAIN, pairs=0.0),
    "most effects are of pairs of genes": replace(MAIN, pairs=0.8),
    "patients differ more": replace(MAIN, patient=0.025),
    "one training in 50 collapses": replace(MAIN, collapse=0.02),
    "half of the training effect is shared": replace(MAIN, shared=0.5),
}
"""The main world with one or two assumptions changed."""


@dataclass(slots=True, kw_only=True)
class Landscape:
    """True and measured Dice of every genotype in one world, of one seed."""

    world: World
    seed: int
    space: Space = SPACE
    effects: dict[str, np.ndarray] = field(default_factory=dict)
    truths: dict[Genotype, float] = field(default_factory=dict)
    patients: dict[Genotype, np.ndarray] = field(default_factory=dict)
    rows: dict[tuple[Genotype, int, int], np.ndarray] = field(default_factory=dict)
    _scale: tuple[float, ...] | None = None

    @property
    def num_patients(self) -> int:
        """Patients in the folds."""
        return self.world.num_patients

    def true(self, genotype: Genotype) -> float:
        """Return the expected Dice in new patients and new trainings."""
        if genotype not in self.truths:
            bend, lost = self.world.bend, LOST * self._collapse(genotype)
            bent = (1 - math.exp(-bend * self._rank(genotype))) / bend
            self.truths[genotype] = max(0.0, MEAN + self.world.spread * bent) - lost
        return self.truths[genotype]

    def measured(
        self, genotype: Genotype, num_initialisations: int, num_folds: int, *, fresh: bool = False
    ) -> Float[np.ndarray, "initialisation patient"]:
        """Return the Dice of every patient in the first initialisations of a search.

        Patient p is in fold p % ``num_folds``; what a patient is worth to all networks is left out,
        as it cancels.

        Args:
            genotype: A network.
            num_initialisations: How many.
            num_folds: Folds of each initialisation.
            fresh: Whether these are initialisations that the search does not see.
        """
        chunks = [
            self._chunk(genotype, 2 * number + fresh, num_folds)
            for number in range(-(-num_initialisations // CHUNK))
        ]
        return np.concatenate(chunks)[:num_initialisations]

    def on_these_patients(self, genotype: Genotype) -> float:
        """Return the expected Dice in new trainings on the patients of the folds."""
        return self.true(genotype) + float(self._patients(genotype).mean())

    def _chunk(self, genotype: Genotype, chunk: int, num_folds: int) -> np.ndarray:
        key = genotype, chunk, num_folds
        if key not in self.rows:
            world, shape = self.world, (CHUNK, num_folds)
            folds_P = np.arange(world.num_patients) % num_folds
            rng = self._rng(f"noise {chunk} {num_folds} {genotype}")
            common = self._rng(f"initialisations {chunk} {num_folds}").normal(size=shape)
            own = rng.normal(size=shape)
            training = math.sqrt(world.shared) * common + math.sqrt(1 - world.shared) * own
            residual = rng.normal(size=(CHUNK, world.num_patients))
            noise = world.training * training[:, folds_P] + world.residual * residual
            collapsed = rng.random(shape) < self._collapse(genotype)
            uneven = math.exp(world.uneven * self._rng(f"uneven {genotype}").normal())
            self.rows[key] = (
                self.true(genotype)
                + LOST * self._collapse(genotype)
                + self._patients(genotype)
                + uneven * noise
                - LOST * collapsed[:, folds_P]
            )
        return self.rows[key]

    def _collapse(self, genotype: Genotype) -> float:
        if not self.world.collapse:
            return 0.0
        log = self._rng(f"collapse {genotype}").normal()
        return min(0.5, self.world.collapse * math.exp(log - 0.5))

    def _patients(self, genotype: Genotype) -> np.ndarray:
        if genotype not in self.patients:
            by_gene = self._sums(genotype)[0][1:]
            scale = math.sqrt(sum(weight**2 for _, weight in mains(genotype)))
            own = self._rng(f"patients {genotype}").normal(size=self.world.num_patients)
            both = (by_gene / scale + own) / math.sqrt(2)
            self.patients[genotype] = self.world.patient * both
        return self.patients[genotype]

    def _rank(self, genotype: Genotype) -> float:
        """Return the true Dice as standard deviations above uniform draws, before bending."""
        if self._scale is None:
            rng = self._rng("draws")
            drawn = [SPACE.sample(rng) for _ in range(NUM_DRAWS)]
            sums = np.array([(main[0], pair) for main, pair in map(self._sums, drawn)])
            shared = np.mean([shared_genes(each) for each in drawn])
            centre, sd = sums.mean(axis=0), sums.std(axis=0)
            self._scale = (*centre, *sd, float(shared), 0.0)
            lift = (self.world.unet - self._rank(UNET)) / (shared_genes(UNET) - shared)
            self._scale = (*centre, *sd, float(shared), float(lift))
        main_mean, pair_mean, main_sd, pair_sd, shared, lift = self._scale
        main, pair = self._sums(genotype)
        return (
            math.sqrt(1 - self.world.pairs) * (main[0] - main_mean) / main_sd
            + math.sqrt(self.world.pairs) * (pair - pair_mean) / pair_sd
            + lift * (shared_genes(genotype) - shared)
        )

    def _sums(self, genotype: Genotype) -> tuple[np.ndarray, float]:
        main = sum(weight * self._effect(gene) for gene, weight in mains(genotype))
        pair = sum(float(self._effect(each)[0]) for each in pairs(genotype))
        return np.asarray(main), pair

    def _effect(self, name: str) -> np.ndarray:
        """Return the effect of a gene: on the true Dice, then on each patient."""
        if name not in self.effects:
            self.effects[name] = self._rng(name).normal(size=1 + self.world.num_patients)
        return self.effects[name]

    def _rng(self, purpose: str) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(derive_seed(self.seed, purpose)))


def mains(genotype: Genotype) -> list[tuple[str, float]]:
    """Return the genes that have an effect each, and its weight."""
    found, before = [], 0
    for number, node in enumerate(genotype.nodes):
        found += [
            (f"level {number} {before} {node.level}", LEVEL_WEIGHT),
            (f"skip {number} {node.skip}", 1.0),
            (f"block {number} {node.block}", 1.0),
            (f"kernel {number} {node.kernel}", 1.0),
        ]
        before = node.level
    return found


def pairs(genotype: Genotype) -> list[str]:
    """Return the pairs of genes that have an effect together: of a node, and of adjacent nodes."""
    found = []
    for number, node in enumerate(genotype.nodes):
        found += [
            f"level and block {number} {node.level} {node.block}",
            f"block and kernel {number} {node.block} {node.kernel}",
            f"level and kernel {number} {node.level} {node.kernel}",
        ]
        if number:
            before = genotype.nodes[number - 1]
            found += [
                f"blocks {number} {before.block} {node.block}",
                f"kernels {number} {before.kernel} {node.kernel}",
                f"skip and block {number} {node.skip} {before.block}",
            ]
    return found


def shared_genes(genotype: Genotype) -> int:
    """Return how many genes a network shares with the U-Net."""
    return sum(
        getattr(node, gene) == getattr(other, gene)
        for node, other in zip(genotype.nodes, UNET.nodes, strict=True)
        for gene in ("level", "block", "kernel", "skip")
    )


def components() -> dict[str, float]:
    """Return what a comparison in this repository says of the noise, as standard deviations.

    They are of 7 networks, each from 2 fresh initialisations, on 20 patients in 3 folds
    (``docs/results/archive/hippocampus_experiment/patients.csv``), from the
    differences of all 21 pairs of networks, over √2.
    """
    path = ROOT / "docs/results/archive/hippocampus_experiment/patients.csv"
    dice: dict[tuple[str, str, str, str], list[float]] = defaultdict(list)
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = row["network"], row["initialisation"], row["fold"], row["patient"]
            dice[key].append(float(row["dice"]))
    networks, initialisations = (sorted({key[part] for key in dice}) for part in (0, 1))
    patients = sorted({key[2:] for key in dice})
    values_NIP = np.array(
        [
            [[np.mean(dice[network, each, *patient]) for patient in patients]
             for each in initialisations]
            for network in networks
        ]
    )  # fmt: skip
    folds_P = np.array([int(fold) for fold, _ in patients])
    values_NIP -= values_NIP.mean(axis=0)  # over networks: what all share cancels in differences
    means_NP = values_NIP.mean(axis=1)
    num_networks, num_initialisations, num_patients = values_NIP.shape
    num_folds = len(set(folds_P))
    trainings = np.stack(
        [values_NIP[:, :, folds_P == fold].mean(axis=2) for fold in range(num_folds)], axis=2
    )
    trainings_ss = ((trainings - trainings.mean(axis=1, keepdims=True)) ** 2).sum()
    left = (values_NIP - means_NP[:, None]) - (trainings - trainings.mean(axis=1, keepdims=True))[
        :, :, folds_P
    ]
    freedom = (num_networks - 1) * (num_initialisations - 1)
    of_training = trainings_ss / (freedom * num_folds)
    of_residual = (left**2).sum() / (freedom * (num_patients - num_folds))
    of_patient = (means_NP - means_NP.mean(axis=1, keepdims=True)).var(axis=1).sum() / (
        (num_networks - 1) * (num_patients - 1) / num_patients
    )
    in_fold = of_residual * num_folds / num_patients
    return {
        "training_score": math.sqrt(of_training),
        "training": math.sqrt(max(0.0, of_training - in_fold)),
        "residual": math.sqrt(of_residual),
        "patient": math.sqrt(max(0.0, of_patient - of_residual / num_initialisations)),
        "network_means": float(values_NIP.mean(axis=(1, 2)).std(ddof=1)),
    }
