"""The protocol: every choice that a score depends on, and its digest.

Scores of different protocols never mix. There are two presets: ``paper`` is the paper's protocol,
and ``quick`` gives reliable scores on a machine without a GPU.

Source: Bosma et al. 2022 (arXiv 2202.11401), section 3.1.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Literal, get_args

from mbnas.bounds import check_bounds
from mbnas.data.augmentation.parameters import AugmentationSettings
from mbnas.data.slices.prepared_slices import PreparationSettings
from mbnas.errors import ConfigurationError
from mbnas.training.training_record import FIRST_FRESH

Precision = Literal["auto", "float32", "bfloat16"]
LossName = Literal["dice", "dice+cross-entropy"]
HeadBias = Literal["random", "class-frequencies"]
StepMode = Literal["auto", "eager", "compiled", "graph"]
Fusion = Literal["auto", "off", "folds", "all"]
SlicePrecision = Literal["float32", "float16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossValidationSettings:
    """How a network is scored: the ``[protocol]`` section of a configuration.

    Attributes:
        name: The preset that the protocol is based on; for people, not part of the digest.
        folds: Number of folds for cross-validation, 2 or more.
        initialisations: Trainings per fold, each with its own initial weights.
        scored_fraction: Fraction of the epochs, at the end, over which the score is averaged.
        test_fraction: Fraction of the patients that are held out, in [0, 1): they are in no fold,
            and no choice of the search depends on them.

    Raises:
        ConfigurationError: if a value breaks its rule.
    """

    name: str = "paper"
    folds: int = 5
    initialisations: int = 3
    scored_fraction: float = 0.2
    test_fraction: float = 0.0

    def __post_init__(self) -> None:
        check_bounds("protocol", self, folds=(2, 1000), initialisations=(1, FIRST_FRESH))
        if not 0 < self.scored_fraction <= 1:
            raise ConfigurationError(
                f"protocol.scored_fraction (={self.scored_fraction}) must be above 0 and at most 1."
            )
        if not 0 <= self.test_fraction < 1:
            raise ConfigurationError(
                f"protocol.test_fraction (={self.test_fraction}) must be 0 or more and below 1."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How a network is trained: the ``[training]`` section of a configuration.

    Attributes:
        epochs: Number of epochs.
        steps_per_epoch: Optimiser steps in an epoch; ``None`` is one pass over the slices.
            A fixed number makes a training's length independent of the dataset's size.
        batch_size: Slices per step, 2 or more: batch normalisation needs two values per channel.
        learning_rate: Adam's peak learning rate.
        decay_exponent: Exponent of the decay, ``(1 - step / steps) ** decay_exponent``.
        warmup_steps: Number of first steps in which the learning rate rises linearly.
        loss: What a step minimises: the Dice loss, as in the paper, or the sum of Dice loss and
            cross-entropy (:mod:`mbnas.training.loop.losses`).
        base_channels: Channels at level 0.
        head_bias: How the head's bias starts: as torch draws it, or at the logarithm of the class
            frequencies. The latter keeps a network from switching off its last features to
            predict only background, after which it may never learn a class.
        collapse_repeats: How often a collapsed training (:mod:`mbnas.training.loop.collapse`) is
            repeated, at most, from another initialisation.
        precision: ``bfloat16`` autocast, ``float32``, or ``auto``, which a study resolves
            once for its device.
        step: How a step runs: ``eager``, one operation at a time; ``compiled`` by torch;
            ``graph``, recorded once as a CUDA graph; or ``auto``, which a study resolves once,
            by measuring. Rounding differs, so the score depends on it.
        fused: Which trainings of a network are fused: none (``off``), the ``folds`` of an
            initialisation, ``all`` of a score; ``auto`` as above.
        slice_precision: Precision of slices in memory. ``float16`` halves their memory if the
            images allow it (:mod:`mbnas.training.loading.half_precision`); the network's input
            is float32 in both cases.
        threads: CPU threads of a training; the score depends on them.

    Raises:
        ConfigurationError: if a value breaks its rule.
    """

    epochs: int = 100
    steps_per_epoch: int | None = None
    batch_size: int = 32
    learning_rate: float = 1e-3
    decay_exponent: float = 0.9
    warmup_steps: int = 0
    loss: LossName = "dice"
    base_channels: int = 32
    head_bias: HeadBias = "random"
    collapse_repeats: int = 0
    precision: Precision = "auto"
    step: StepMode = "auto"
    fused: Fusion = "auto"
    slice_precision: SlicePrecision = "float32"
    threads: int = 1

    def __post_init__(self) -> None:
        check_bounds(
            "training",
            self,
            epochs=(1, 10**6),
            steps_per_epoch=(1, 10**6),
            batch_size=(2, 2**16),
            base_channels=(1, 2**10),
            warmup_steps=(0, 10**9),
            collapse_repeats=(0, 100),
            threads=(1, 2**10),
        )
        if not 0 < self.learning_rate < math.inf:
            raise ConfigurationError(
                f"training.learning_rate (={self.learning_rate}) must be above 0 and finite."
            )
        if not 0 <= self.decay_exponent < math.inf:
            raise ConfigurationError(
                f"training.decay_exponent (={self.decay_exponent}) must be 0 or more and finite."
            )
        for name, allowed in (
            ("loss", LossName),
            ("head_bias", HeadBias),
            ("precision", Precision),
            ("step", StepMode),
            ("fused", Fusion),
            ("slice_precision", SlicePrecision),
        ):
            *first, last = get_args(allowed)
            if getattr(self, name) not in (*first, last):
                raise ConfigurationError(
                    f"training.{name} (={getattr(self, name)!r}) must be "
                    f"{', '.join(first)} or {last}."
                )


def check_warmup(training: TrainingSettings, num_slices: int | None = None) -> None:
    """Check that the learning rate reaches its peak before a training ends.

    Args:
        training: How it is trained.
        num_slices: The most slices, or patches, that it passes over in an epoch. If they are not
            known yet, trainings whose settings do not say their steps pass.

    Raises:
        ConfigurationError: if the warm-up has more steps than the training.
    """
    per_pass = None if num_slices is None else -(-num_slices // training.batch_size)
    steps_per_epoch = training.steps_per_epoch or per_pass
    if steps_per_epoch is None:
        return
    steps = training.epochs * steps_per_epoch
    if training.warmup_steps > steps:
        raise ConfigurationError(
            f"training.warmup_steps (={training.warmup_steps}) must be at most the steps of a "
            f"training, which are {steps} in {training.epochs} epochs: its learning rate would "
            "never reach the peak."
        )


def num_together(fused: Fusion, *, folds: int, initialisations: int) -> int:
    """Return how many trainings of a network are fused.

    >>> [num_together(each, folds=5, initialisations=3) for each in ("off", "folds", "all")]
    [1, 5, 15]
    """
    return {"folds": folds, "all": folds * initialisations}.get(fused, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Every choice that a score depends on.

    Attributes:
        evaluation: Folds, initialisations, scored epochs.
        training: How a network is trained.
        augmentation: How training slices are varied.
        preparation: How volumes become slices.
        seed: Root seed of folds, initialisations and batches.
        data: Digest of the prepared slices and the patient of each case.
    """

    evaluation: CrossValidationSettings = field(default_factory=CrossValidationSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    preparation: PreparationSettings = field(default_factory=PreparationSettings)
    seed: int = 0
    data: str = ""

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that change with any choice.

        The number of initialisations does not affect a single training, so studies that differ
        only in it share their trainings.
        """
        return _digest(self)

    @property
    def first_scored_epoch(self) -> int:
        """The first epoch (from 1) that is scored; all later epochs are scored too."""
        epochs = self.training.epochs
        return epochs - max(1, round(epochs * self.evaluation.scored_fraction)) + 1


_CHOSEN_LATER = {"step": "eager", "fused": "off", "slice_precision": "float32"}
"""Settings added later, and their values before that: they keep earlier digests unchanged."""


@lru_cache(maxsize=16)
def _digest(protocol: Protocol) -> str:
    choices = asdict(protocol)
    del choices["evaluation"]["name"], choices["evaluation"]["initialisations"]
    for name, before in _CHOSEN_LATER.items():
        if choices["training"][name] in (before, "auto"):
            del choices["training"][name]
    for name in ("context", "patch_size"):
        if not choices["preparation"][name]:
            del choices["preparation"][name]
    text = json.dumps(choices, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


PRESETS: dict[str, dict[str, dict[str, object]]] = {
    "paper": {
        "preparation": {"slice_size": 128},
        "protocol": {"folds": 5, "initialisations": 3},
        "training": {"epochs": 100, "batch_size": 32, "base_channels": 32, "loss": "dice"},
        "search": {"searcher": "local", "start": "random", "confirmation": 0.25},
    },
    "quick": {
        "preparation": {"slice_size": 64},
        "protocol": {"folds": 3, "initialisations": 1},
        "training": {
            "epochs": 24,
            "steps_per_epoch": 60,
            "batch_size": 8,
            "base_channels": 8,
            "loss": "dice+cross-entropy",
            "warmup_steps": 120,
            "head_bias": "class-frequencies",
            "collapse_repeats": 1,
        },
        "search": {"searcher": "bayesian", "start": "unet", "confirmation": 0.25},
    },
}
"""What each preset sets, by section and key; everything else keeps its default."""


PAPER_DATASETS: dict[str, dict[str, dict[str, object]]] = {
    "prostate": {"training": {"epochs": 100}},
    "spleen": {"training": {"epochs": 50}},
}
"""What the paper's protocol sets for a dataset, by section and key, over the preset ``paper``."""

_DECLARED = re.compile(r"(?:(?:task|dataset)\d+_)?(?P<name>[a-z]+)")


def recognised_dataset(declared: str) -> str | None:
    """Return the paper's dataset that a declared name refers to, or ``None``.

    >>> recognised_dataset("PROSTATE"), recognised_dataset("Task09_Spleen")
    ('prostate', 'spleen')
    >>> recognised_dataset("spleen phantom") is None
    True
    """
    found = _DECLARED.fullmatch(declared.strip().lower())
    name = found["name"] if found else None
    return name if name in PAPER_DATASETS else None
