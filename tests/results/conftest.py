import io
from datetime import UTC, datetime

import numpy as np
import pytest

from mbnas.cli.terminal import Terminal
from mbnas.data.datasets.label_scheme import Targets
from mbnas.results.comparison import Comparison, compare_contenders
from mbnas.results.evaluation_summary import EvaluationSummary, TrainingSummary
from mbnas.results.search_summary import SearchSummary
from mbnas.results.segmentations.outlined_cases import OutlinedCase, Segmentations, outline_case
from mbnas.scoring.class_metrics import ClassMetrics
from mbnas.space.genotype import Genotype
from mbnas.study.progress.contenders import Contender
from mbnas.training.training_record import TrainingKey, TrainingRecord, VolumeRecord


def make_evaluation(number: int, score: float | None = 0.8, **fields: object) -> EvaluationSummary:
    """Return an evaluation of a small network whose trainings have scores around its own.

    Each number up to 3374 has a network of its own, by the kernels of its nodes.
    """
    first, last = (2 * ((number // part + 1) % 15) + 1 for part in (15, 225))
    genotype = Genotype.parse(f"0vgg{first}-1dense{2 * (number % 15) + 1}-0vgg{last}")
    trainings = tuple(
        TrainingSummary(
            fold=fold,
            initialisation=1,
            score=None if score is None else score + 0.01 * (fold - 2),
            error="The loss was not finite." if score is None else None,
        )
        for fold in (1, 2, 3)
    )
    values: dict[str, object] = {
        "number": number,
        "genotype": str(genotype),
        "digest": genotype.digest,
        "why": f"start {number}",
        "score": score,
        "trainings": trainings,
        "parameters": 7_763_041,
        "macs": 12_100_000_000,
        "wall_s": 75.0,
    }
    return EvaluationSummary(**(values | fields))


def make_study(*evaluations: EvaluationSummary, **fields: object) -> SearchSummary:
    """Return a running study of 20 evaluations at most."""
    values: dict[str, object] = {
        "study_name": "first study",
        "dataset_name": "Task04_Hippocampus",
        "class_names": ("anterior", "posterior"),
        "state": "running",
        "updated_at": datetime(2026, 3, 1, 14, 5, tzinfo=UTC),
        "space_text": "mixed, 10 nodes",
        "searcher": "local search",
        "protocol_name": "quick",
        "budget": 20,
        "evaluations": evaluations,
        "configuration_toml": "seed = 7\n",
        "versions": {"torch": "2.15.0"},
    }
    return SearchSummary(**(values | fields))


def make_scored_comparison(
    *means: float, num_folds: int = 3, num_initialisations: int = 2
) -> Comparison:
    """Return networks that score about ``means``, the first of them the best found."""
    contenders = []
    for number, mean in enumerate(means):
        genotype = Genotype.parse(f"0vgg{2 * number + 3}")
        trainings = tuple(
            TrainingRecord(
                key=TrainingKey(
                    network=genotype.digest,
                    protocol="p",
                    fold=fold,
                    initialisation=1000 + initialisation,
                ),
                score=mean + 0.01 * fold + 0.001 * initialisation * number,
                wall_s=1.0,
                worker="here",
                started_at="2026-03-01T00:00:00Z",
                volumes=(
                    VolumeRecord(
                        case=f"case_{fold}",
                        patient=f"p{fold}",
                        held_out=False,
                        measures=2
                        * (class_metrics(mean + 0.01 * fold + 0.001 * initialisation * number),),
                    ),
                ),
            )
            for initialisation in range(num_initialisations)
            for fold in range(num_folds)
        )
        contenders.append(
            Contender(
                name="Best found" if number == 0 else f"Network {number}",
                architecture=genotype,
                trainings=trainings,
                parameters=1000,
                macs=1000,
            )
        )
    return compare_contenders(
        contenders,
        class_names=("anterior", "posterior"),
        num_folds=num_folds,
        slice_size=16,
        search_score=means[0] + 0.02,
        num_evaluated=20,
        seed=0,
    )


def make_case(name: str = "case_1", num_networks: int = 2, **fields: object) -> OutlinedCase:
    """Return a case of nine slices: a ball of two classes that each network misses a little."""
    z, y, x = np.mgrid[:9, :16, :16]
    labels = [
        np.where((z - 4) ** 2 + (y - 8) ** 2 + (x - 8 + shift) ** 2 < 16, 1 + (x > 8), 0)
        for shift in range(1 + num_networks)
    ]
    values: dict[str, object] = {
        "case": name,
        "patient": name,
        "held_out": False,
        "dice": (0.75,) * num_networks,
        "targets": Targets(num_labels=2),
        "most_slices": 24,
    }
    images = np.random.default_rng(0).normal(size=z.shape).astype(np.float32)
    return outline_case(images, np.stack(labels).astype(np.uint8), **(values | fields))


def make_segmentations(*cases: OutlinedCase, **fields: object) -> Segmentations:
    """Return cases that two networks segmented."""
    values: dict[str, object] = {
        "class_names": ("anterior", "posterior"),
        "network_names": ("Best found", "Network 1"),
        "cases": cases,
        "num_cases": len(cases),
    }
    return Segmentations(**(values | fields))


@pytest.fixture
def screen():
    """Return a terminal of a width, whose ``file`` keeps what is printed."""

    def make(width):
        terminal = Terminal()
        terminal.file, terminal.width = io.StringIO(), width
        return terminal

    return make


@pytest.fixture
def comparison():
    return make_scored_comparison


@pytest.fixture
def shown_case():
    return make_case


@pytest.fixture
def segmentations():
    return make_segmentations


@pytest.fixture
def evaluation():
    return make_evaluation


@pytest.fixture
def study():
    return make_study


def class_metrics(dice: float | None, hd95_mm: float = 4.0) -> ClassMetrics:
    """Return the metrics of one class; ``None`` is for a class that is absent."""
    if dice is None:
        return ClassMetrics(
            dice=None, hd95_mm=None, surface_dice=None, predicted_voxels=0, reference_voxels=0
        )
    return ClassMetrics(
        dice=dice,
        hd95_mm=hd95_mm,
        surface_dice=dice / 2,
        predicted_voxels=0 if dice == 0 else 90,
        reference_voxels=100,
    )


def make_contender(
    name: str,
    dice: dict[tuple[int, int], list[tuple[str, tuple[float | None, ...]]]],
    *,
    held_out: dict[tuple[int, int], list[tuple[str, tuple[float | None, ...]]]] | None = None,
    failed: frozenset[tuple[int, int]] = frozenset(),
    kernel: int = 3,
) -> Contender:
    """Return a network with given Dice of its volumes, by (initialisation, fold)."""
    network = Genotype.parse(f"0vgg{kernel}-0vgg3")

    def volumes(place):
        for kind, by_training in ((False, dice), (True, held_out or {})):
            for number, (patient, values) in enumerate(by_training.get(place, ())):
                yield VolumeRecord(
                    case=f"{patient}_{number}",
                    patient=patient,
                    held_out=kind,
                    measures=tuple(class_metrics(value) for value in values),
                )

    def record(place):
        found = tuple(volumes(place))
        return TrainingRecord(
            key=TrainingKey(
                network=network.digest, protocol="p", initialisation=place[0], fold=place[1]
            ),
            score=None if place in failed else 0.5 + 0.01 * (place[0] - 1000) + 0.1 * place[1],
            error="The loss was not finite." if place in failed else None,
            wall_s=10.0 + place[1],
            worker="here",
            started_at="2026-03-01T14:05:00+00:00",
            volumes=() if place in failed else found,
        )

    return Contender(
        name=name,
        architecture=network,
        trainings=tuple(record(place) for place in sorted(dice)),
        parameters=7_763_041,
        macs=12_100_000_000,
        macs_32=300_000_000,
        latency_ms=12.34,
    )


def make_comparison(*contenders: Contender, **fields: object) -> Comparison:
    """Return the comparison of contenders of two classes and two folds."""
    values: dict[str, object] = {
        "class_names": ("anterior", "posterior"),
        "num_folds": 2,
        "slice_size": 128,
        "search_score": 0.9,
        "num_evaluated": 20,
        "seed": 0,
    }
    return compare_contenders(contenders, **(values | fields))


def drawn_dice(
    seed: int, *, num_initialisations: int = 3, shift: float = 0.0
) -> dict[tuple[int, int], list[tuple[str, tuple[float, float]]]]:
    """Return the Dice of two classes in the volumes of six patients, three per fold."""
    rng = np.random.default_rng(seed)
    return {
        (1000 + initialisation, fold): [
            (f"p{3 * fold + number}", tuple((rng.uniform(0.6, 0.9, 2) + shift).tolist()))
            for number in range(3)
        ]
        for initialisation in range(num_initialisations)
        for fold in range(2)
    }


@pytest.fixture
def contender():
    return make_contender


@pytest.fixture
def drawn():
    return drawn_dice


@pytest.fixture
def compare():
    return make_comparison
