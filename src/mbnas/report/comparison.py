"""What a comparison of networks says, as one value: measures, intervals, tests, words.

Networks are compared on fresh initialisations, which no search has seen. Tables, figures
and the page only read what is worked out here.

Array shapes: I initialisations, P patients, K foreground classes, B blocks (one
initialisation on one fold), N networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from mbnas.scoring.claims import caution_folds, claim_friedman, claim_optimism, claim_pair
from mbnas.scoring.intervals import Interval, bootstrap_mean
from mbnas.scoring.measures import ClassMeasures
from mbnas.scoring.pairs import Comparison as Pair
from mbnas.scoring.pairs import compare_all
from mbnas.scoring.ranks import Friedman, critical_difference, friedman
from mbnas.seeds import generator
from mbnas.study.contenders import Contender
from mbnas.training.record import TrainingRecord

Metric = Literal["dice", "hd95_mm", "surface_dice"]
METRICS: tuple[Metric, ...] = ("dice", "hd95_mm", "surface_dice")
LOWER_IS_BETTER: frozenset[Metric] = frozenset({"hd95_mm"})
ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One measured number of one network.

    Attributes:
        mean: Over initialisations; each initialisation's is that over patients (of whom the
            measure is defined), then over classes. ``None`` where nothing is defined or a
            training failed.
        sd: Sample standard deviation over initialisations; ``None`` with fewer than two.
        interval: Of the mean over patients, by bootstrap; ``None`` with fewer than two.
    """

    mean: float | None
    sd: float | None = None
    interval: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One metric of one network on some patients.

    Attributes:
        overall: Mean over the classes.
        per_class: Of each foreground class.
    """

    overall: Quantity
    per_class: tuple[Quantity, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Every metric of one network on some patients, and how many cases were empty.

    Attributes:
        metrics: By metric.
        num_values: (Initialisation, patient, class) values that could be defined at most.
        num_undefined: Those whose class is in neither prediction nor reference: left out.
        num_missed: Those whose class is in exactly one of them in a volume.
    """

    metrics: dict[Metric, Measured]
    num_values: int
    num_undefined: int
    num_missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedNetwork:
    """One network of a comparison.

    Attributes:
        name: What to call it.
        architecture: Its one-line text.
        score: Validation Dice as the search scores it; ``sd`` is over initialisations.
        validation: On the patients of the folds, each predicted by the one network of an
            initialisation that had not trained on them; ``None`` if a training failed.
        held_out: On held-out patients, mean over the networks of all folds; ``None`` if there
            are no such patients or a training failed.
        parameters: Number of weights.
        macs: Multiply-accumulates for one slice of the protocol's size.
        macs_32: Multiply-accumulates for an input of 32 by 32 pixels.
        latency_ms: Of one slice.
        training_s: Mean duration of a training.
        trainings: All fresh ones, by initialisation, then fold.
        error: Why there is no score, or ``None``.
    """

    name: str
    architecture: str
    score: Quantity
    validation: Measures | None
    held_out: Measures | None
    parameters: int | None
    macs: int | None
    macs_32: int | None
    latency_ms: float | None
    training_s: float
    trainings: tuple[TrainingRecord, ...]
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Networks on fresh initialisations, and what the differences between them are worth.

    Attributes:
        class_names: Of the foreground classes.
        networks: In the order of the comparison, the best found first.
        num_initialisations: That all of them were trained from.
        num_folds: Of the cross-validation.
        num_patients: In the folds.
        num_held_out: Patients in no fold.
        slice_size: Side of a slice in pixels, for which ``macs`` holds.
        tested: Numbers of the networks that the tests compare: those without a failure.
        friedman: Whether they differ at all; ``None`` where that is not defined.
        pairs: Every two of them; numbers refer to ``tested``.
        critical_difference: Of average ranks, after Nemenyi; ``None`` without ``friedman``.
        claims: One sentence a claim.
        caution: Why to read the p-values as optimistic.
        optimism: What the search saw for its best network beside the fresh score, in words.
    """

    class_names: tuple[str, ...]
    networks: tuple[ComparedNetwork, ...]
    num_initialisations: int
    num_folds: int
    num_patients: int
    num_held_out: int
    slice_size: int
    tested: tuple[int, ...]
    friedman: Friedman | None
    pairs: tuple[Pair, ...]
    critical_difference: float | None
    claims: tuple[str, ...]
    caution: str
    optimism: str | None

    def best_of(self, metric: Metric, *, held_out: bool = False) -> ComparedNetwork | None:
        """Return the network of the best mean, the first of equals."""
        scored = [
            (measures.metrics[metric].overall.mean, network)
            for network in self.networks
            if (measures := network.held_out if held_out else network.validation) is not None
        ]
        defined = [(mean, network) for mean, network in scored if mean is not None]
        choose = min if metric in LOWER_IS_BETTER else max
        return choose(defined, key=lambda each: each[0])[1] if defined else None


def compare_contenders(
    contenders: Sequence[Contender],
    *,
    class_names: tuple[str, ...],
    num_folds: int,
    slice_size: int,
    searched: float | None,
    num_searched: int,
    seed: int,
) -> Comparison:
    """Return what networks trained anew say of one another.

    Only initialisations that all of them were trained from on every fold count.

    Args:
        contenders: One or more, the best found first.
        class_names: Of the foreground classes.
        num_folds: Of the protocol.
        slice_size: Side of a slice in pixels.
        searched: The score that the search saw for its best network.
        num_searched: Networks that the search chose from.
        seed: The study's, for the bootstrap.
    """
    common = _common_initialisations(contenders, num_folds)
    networks = tuple(_compared(each, common, len(class_names), seed) for each in contenders)
    tested = tuple(number for number, each in enumerate(networks) if each.error is None)
    scores_BN = np.array(
        [[record.score for record in networks[number].trainings] for number in tested],
        dtype=np.float64,
    ).T
    is_testable = len(tested) > 1 and len(common) > 0
    pairs = compare_all(scores_BN) if is_testable else ()
    result = friedman(scores_BN) if is_testable else None
    claims = [claim_friedman(result)] if len(tested) > 2 else []
    claims += [
        claim_pair(
            pair,
            networks[tested[pair.first]].name,
            networks[tested[pair.second]].name,
            interval=_interval_of_difference(
                networks[tested[pair.first]], networks[tested[pair.second]], seed
            ),
        )
        for pair in pairs
    ]
    fresh = networks[0].score.mean if networks else None
    volumes = [
        each for network in networks for record in network.trainings for each in record.volumes
    ]
    return Comparison(
        class_names=class_names,
        networks=networks,
        num_initialisations=len(common),
        num_folds=num_folds,
        num_patients=len({each.patient for each in volumes if not each.held_out}),
        num_held_out=len({each.patient for each in volumes if each.held_out}),
        slice_size=slice_size,
        tested=tested,
        friedman=result,
        pairs=pairs,
        critical_difference=(
            critical_difference(len(tested), len(scores_BN), alpha=ALPHA) if result else None
        ),
        claims=tuple(claims),
        caution=caution_folds(num_folds, len(common)),
        optimism=(
            claim_optimism(searched, fresh, num_networks=num_searched)
            if searched is not None and fresh is not None
            else None
        ),
    )


def patient_means(
    network: ComparedNetwork, metric: Metric, *, held_out: bool = False
) -> dict[str, float]:
    """Return a metric of each patient who has it, mean over initialisations and classes."""
    values = _values(network.trainings, held_out=held_out)
    means = {
        patient: _mean_defined([getattr(each, metric) for each in measures])
        for patient, measures in values.items()
    }
    return {patient: mean for patient, mean in means.items() if mean is not None}


def _common_initialisations(contenders: Sequence[Contender], num_folds: int) -> tuple[int, ...]:
    """Return the initialisations from which every network was trained on every fold."""
    complete = []
    for contender in contenders:
        trained = [record.key.initialisation for record in contender.trainings]
        complete.append({each for each in trained if trained.count(each) == num_folds})
    return tuple(sorted(set.intersection(*complete))) if complete else ()


def _compared(
    contender: Contender, initialisations: tuple[int, ...], num_classes: int, seed: int
) -> ComparedNetwork:
    trainings = tuple(
        each for each in contender.trainings if each.key.initialisation in initialisations
    )
    errors = [record.error for record in trainings if record.error is not None]
    has_held_out = any(each.held_out for record in trainings for each in record.volumes)
    return ComparedNetwork(
        name=contender.name,
        architecture=str(contender.architecture),
        score=Quantity(mean=None) if errors else _score(trainings),
        validation=None if errors else _measures(trainings, num_classes, seed, held_out=False),
        held_out=(
            _measures(trainings, num_classes, seed, held_out=True)
            if has_held_out and not errors
            else None
        ),
        parameters=contender.parameters,
        macs=contender.macs,
        macs_32=contender.macs_32,
        latency_ms=contender.latency_ms,
        training_s=float(np.mean([each.wall_s for each in trainings])) if trainings else 0.0,
        trainings=trainings,
        error=errors[0] if errors else None,
    )


def _score(trainings: Sequence[TrainingRecord]) -> Quantity:
    by_initialisation: dict[int, list[float]] = {}
    for record in trainings:
        assert record.score is not None
        by_initialisation.setdefault(record.key.initialisation, []).append(record.score)
    return _over_initialisations([float(np.mean(each)) for each in by_initialisation.values()])


def _measures(
    trainings: Sequence[TrainingRecord], num_classes: int, seed: int, *, held_out: bool
) -> Measures | None:
    """Return every metric on the patients of the folds or on held-out ones."""
    measures = _values(trainings, held_out=held_out)
    if not measures:
        return None
    initialisations = sorted({record.key.initialisation for record in trainings})
    patients = sorted(measures)
    shape = (len(initialisations), len(patients), num_classes)
    metrics: dict[Metric, Measured] = {}
    undefined = np.zeros(shape, dtype=bool)
    for metric in METRICS:
        values_IPK = np.full(shape, np.nan)
        for i, initialisation in enumerate(initialisations):
            of_this = _values(
                [each for each in trainings if each.key.initialisation == initialisation],
                held_out=held_out,
            )
            for p, patient in enumerate(patients):
                for k in range(num_classes):
                    values = [getattr(each, metric) for each in of_this[patient][k::num_classes]]
                    mean = _mean_defined(values)
                    values_IPK[i, p, k] = np.nan if mean is None else mean
        undefined = np.isnan(values_IPK)
        metrics[metric] = _measured(values_IPK, ~undefined, generator(seed, "bootstrap"))
    missed = [
        bool(each.predicted_voxels) != bool(each.reference_voxels)
        for of_patient in measures.values()
        for each in of_patient
    ]
    return Measures(
        metrics=metrics,
        num_values=undefined.size,
        num_undefined=int(undefined.sum()),
        num_missed=sum(missed),
    )


def _values(
    trainings: Sequence[TrainingRecord], *, held_out: bool
) -> dict[str, list[ClassMeasures]]:
    """Return the class measures of each patient's volumes, all classes of one after the other."""
    values: dict[str, list[ClassMeasures]] = {}
    for record in trainings:
        for volume in record.volumes:
            if volume.held_out == held_out:
                values.setdefault(volume.patient, []).extend(volume.measures)
    return values


def _measured(
    values_IPK: Float[np.ndarray, "I P K"],
    defined_IPK: Bool[np.ndarray, "I P K"],
    rng: np.random.Generator,
) -> Measured:
    per_class = []
    for k in range(values_IPK.shape[2]):
        means = _means(values_IPK[:, :, k], defined_IPK[:, :, k])
        per_class.append(_quantity(means, values_IPK[:, :, k : k + 1], rng))
    overall = [
        _mean_defined(
            [_mean_defined(_listed(values_IPK[i, :, k])) for k in range(values_IPK.shape[2])]
        )
        for i in range(values_IPK.shape[0])
    ]
    return Measured(overall=_quantity(overall, values_IPK, rng), per_class=tuple(per_class))


def _means(
    values_IP: Float[np.ndarray, "I P"], defined_IP: Bool[np.ndarray, "I P"]
) -> list[float | None]:
    """Return each initialisation's mean over the patients for whom there is a value."""
    return [
        float(values[defined].mean()) if defined.any() else None
        for values, defined in zip(values_IP, defined_IP, strict=True)
    ]


def _quantity(
    means_I: Sequence[float | None],
    values_IPK: Float[np.ndarray, "I P K"],
    rng: np.random.Generator,
) -> Quantity:
    """Return a mean over initialisations with its interval over patients."""
    defined = [mean for mean in means_I if mean is not None]
    if len(defined) < len(means_I):
        return Quantity(mean=None)
    of_patients = [
        _mean_defined(_listed(values_IPK[:, p, :].ravel())) for p in range(values_IPK.shape[1])
    ]
    known = np.array([mean for mean in of_patients if mean is not None])
    quantity = _over_initialisations(defined)
    return Quantity(
        mean=quantity.mean,
        sd=quantity.sd,
        interval=bootstrap_mean(known, rng=rng) if known.size else None,
    )


def _over_initialisations(means_I: Sequence[float]) -> Quantity:
    if not means_I:
        return Quantity(mean=None)
    sd = float(np.std(means_I, ddof=1)) if len(means_I) > 1 else None
    return Quantity(mean=float(np.mean(means_I)), sd=sd)


def _interval_of_difference(
    first: ComparedNetwork, second: ComparedNetwork, seed: int
) -> Interval | None:
    """Return the interval over patients of the first's Dice minus the second's."""
    one, other = patient_means(first, "dice"), patient_means(second, "dice")
    both = sorted(one.keys() & other.keys())
    if not both:
        return None
    differences = np.array([one[patient] - other[patient] for patient in both])
    return bootstrap_mean(differences, rng=generator(seed, "bootstrap"))


def _listed(values: Float[np.ndarray, " n"]) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


def _mean_defined(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None
