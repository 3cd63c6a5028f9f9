"""A recorded landscape whose trainings are drawn again: searches on it need no training.

The mean over all trainings of a network is taken as its true Dice. A training drawn again is that
mean plus the noise of a recorded initialisation, of all its folds together, of one of the networks
whose means are nearest. So the noise is as it was recorded, collapses included, and its size may
depend on the Dice.

A table has no patients. The patients of a fold are drawn around its Dice, by as much as patients
differ in a comparison of this repository (``noise_world.components``); their mean is that Dice.

Shape suffixes: N networks, I initialisations, F folds, P patients.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float
from recorded_space import RecordedSpace
from table import FOLDS, Row, scores_of

sys.path.insert(0, str(Path(__file__).parents[1]))
from noise_world import CHUNK, components

from mbnas.seeds import derive_seed
from mbnas.space.genotype import Genotype

NUM_ALIKE = 20
"""Networks whose noise a network may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a table says of its networks.

    Attributes:
        space: Its networks with two or more complete initialisations.
        means: Dice of each, over its trainings.
        noise: Of each, what its initialisations have beyond its mean and the fold's.
        sizes: Standard deviations of patients, as ``noise_world.components`` names them.
    """

    space: RecordedSpace
    means: Mapping[Genotype, float]
    noise: Mapping[Genotype, Float[np.ndarray, "initialisation fold"]]
    sizes: Mapping[str, float]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Recorded:
        """Return what rows say."""
        scores = {each: of for each, of in scores_of(rows).items() if len(of) > 1}
        means = {each: float(of.mean()) for each, of in scores.items()}
        of_fold_F = np.mean([of.mean(axis=0) - of.mean() for of in scores.values()], axis=0)
        left = {each: of - means[each] - of_fold_F for each, of in scores.items()}
        noise = {each: _unshrunk(of) for each, of in left.items()}
        space = RecordedSpace(members=tuple(means))
        return cls(space=space, means=means, noise=noise, sizes=components())

    def noise_like(self, genotype: Genotype) -> Float[np.ndarray, "initialisation fold"]:
        """Return the noise of the networks whose means are nearest to one's own."""
        own = self.means[genotype]
        alike = sorted(self.means, key=lambda each: abs(self.means[each] - own))[:NUM_ALIKE]
        return np.concatenate([self.noise[each] for each in alike])


def _unshrunk(
    left_IF: Float[np.ndarray, "initialisation fold"],
) -> Float[np.ndarray, "initialisation fold"]:
    """Return what is left beyond a network's mean, as large as before this was subtracted.

    Only the means over folds have become smaller by it: they add up to 0 over initialisations.
    """
    of_initialisation_I1 = left_IF.mean(axis=1, keepdims=True)
    factor = math.sqrt(len(left_IF) / (len(left_IF) - 1))
    unshrunk_IF: Float[np.ndarray, "initialisation fold"] = left_IF + of_initialisation_I1 * (
        factor - 1
    )
    return unshrunk_IF


@dataclass(slots=True, kw_only=True)
class RecordedWorld:
    """The landscape with trainings of one seed; noise.py searches it as it does its own worlds.

    Attributes:
        recorded: The landscape.
        seed: Of the trainings and searches.
        num_patients: In the folds.
    """

    recorded: Recorded
    seed: int
    num_patients: int = 60
    _noise: dict[Genotype, np.ndarray] = field(default_factory=dict)

    @property
    def space(self) -> RecordedSpace:
        """The networks."""
        return self.recorded.space

    def true(self, genotype: Genotype) -> float:
        """Return the mean over the recorded trainings."""
        return self.recorded.means[genotype]

    def on_these_patients(self, genotype: Genotype) -> float:
        """Return the same: what a network is worth for these patients cannot be told apart."""
        return self.true(genotype)

    def measured(
        self, genotype: Genotype, num_initialisations: int, num_folds: int, *, fresh: bool = False
    ) -> Float[np.ndarray, "initialisation patient"]:
        """Return the Dice of every patient in the first initialisations of a search.

        Args:
            genotype: A network.
            num_initialisations: How many.
            num_folds: Those of the landscape.
            fresh: Whether these are initialisations that the search does not see.
        """
        assert num_folds == FOLDS
        chunks = [
            self._chunk(genotype, 2 * number + fresh)
            for number in range(-(-num_initialisations // CHUNK))
        ]
        return self.true(genotype) + np.concatenate(chunks)[:num_initialisations]

    def _chunk(self, genotype: Genotype, chunk: int) -> Float[np.ndarray, "initialisation patient"]:
        if genotype not in self._noise:
            self._noise[genotype] = self.recorded.noise_like(genotype)
        noise_IF = self._noise[genotype]
        folds_P = np.arange(self.num_patients) % FOLDS
        drawn_IF = noise_IF[
            self._rng(f"noise {chunk} {genotype}").integers(len(noise_IF), size=CHUNK)
        ]
        of_patients_P = self._rng(f"patients {genotype}").normal(size=self.num_patients)
        residual_IP = self._rng(f"residual {chunk} {genotype}").normal(
            size=(CHUNK, self.num_patients)
        )
        sizes = self.recorded.sizes
        around_IP = sizes["patient"] * of_patients_P + sizes["residual"] * residual_IP
        for fold in range(FOLDS):
            of_fold = around_IP[:, folds_P == fold]
            around_IP[:, folds_P == fold] = of_fold - of_fold.mean(axis=1, keepdims=True)
        return drawn_IF[:, folds_P] + around_IP

    def _rng(self, purpose: str) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(derive_seed(self.seed, purpose)))
