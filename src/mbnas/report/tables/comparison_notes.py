"""The notes below the tables of a comparison: conventions, cautions, optimism."""

from __future__ import annotations

from mbnas.data.images.geometry import Unit
from mbnas.results.compared_network import ComparedNetwork
from mbnas.results.comparison import Comparison
from mbnas.results.metric_summaries import MetricSummaries
from mbnas.scoring.class_metrics import TOLERANCE_MM
from mbnas.scoring.differences import ALPHA
from mbnas.wording import counted


def definitions(unit: Unit) -> str:
    """Return how metrics are measured: in space, or in the plane of pictures."""
    if unit == "pixels":
        return (
            "Measured in 2D on the pixels of each picture, which has no spacing: lengths are in "
            "pixels. Surfaces are MONAI's: HD95 is between the centres of edge pixels, the larger "
            "of both directions; surface Dice (use_subvoxels) is between pieces of the contour "
            f"weighted by length, within {TOLERANCE_MM:g} pixels."
        )
    return (
        "Measured in 3D on the voxel grid of each case's own file, with spacing in mm. Surfaces "
        "are MONAI's: HD95 is between the centres of edge voxels, the larger of both directions; "
        "surface Dice (use_subvoxels) is between surface elements weighted by area, within "
        f"{TOLERANCE_MM:g} mm."
    )


def footnotes(comparison: Comparison) -> tuple[str, ...]:
    """Return the conventions of the tables, one or a few sentences each."""
    notes = [_means(comparison)]
    if comparison.is_held_out:
        notes.append(
            "A held-out patient's value is the mean over the networks of all folds and "
            "initialisations."
        )
    notes += [
        *([_differences(comparison)] if comparison.differences else []),
        definitions(comparison.unit),
        _empty_cases(comparison),
        _costs(comparison),
    ]
    return tuple(notes)


def failures(comparison: Comparison) -> tuple[str, ...]:
    """Return which networks failed, and why."""
    return tuple(f"{each.name} failed: {each.error}" for each in comparison.networks if each.error)


def sentences(comparison: Comparison) -> tuple[str, ...]:
    """Return the basis of the comparison, what conclusions do not cover, and optimism."""
    if not comparison.num_initialisations:
        return ()
    cautions = comparison.cautions if comparison.differences else ()
    optimism = (comparison.optimism,) if comparison.optimism else ()
    return (comparison.basis, *cautions, *optimism)


def over_initialisations(comparison: Comparison) -> str:
    """Return what a number in a table of metrics is, up to what it is the mean of."""
    initialisations = counted(comparison.num_initialisations, "fresh initialisation")
    if comparison.num_initialisations > 1:
        return f"Mean ± standard deviation over {initialisations}"
    return f"Mean of {initialisations}"


def _means(comparison: Comparison) -> str:
    return (
        f"{over_initialisations(comparison)} of the mean over patients, then over classes. Each of "
        f"the {counted(comparison.num_patients, 'patient')} of "
        f"{counted(comparison.num_folds, 'fold')} is predicted by the network that was not "
        "trained on them. In brackets: the 95 % interval of the mean over patients (BCa "
        "bootstrap). The best value of a column is bold; lower is better for HD95."
    )


def _differences(comparison: Comparison) -> str:
    """Return how intervals and p-values of differences are computed."""
    num_pairs = len(comparison.differences)
    together = f", both adjusted for {num_pairs} comparisons (Bonferroni)" if num_pairs > 1 else ""
    return (
        "Differences: the network named first minus the second, mean over patients. Each patient "
        "has one value per network (mean over volumes, classes and initialisations). Interval and "
        f"p are from one sign-flip test over patients{together}: the interval excludes 0 exactly "
        f"where p is below {ALPHA:g}."
    )


def _empty_cases(comparison: Comparison) -> str:
    found = [
        (each.name, summaries.total)
        for each in comparison.networks
        if (summaries := _all_patients(each)) is not None
    ]
    undefined = ", ".join(f"{name} {total.num_undefined}" for name, total in found)
    missed = ", ".join(f"{name} {total.num_missed}" for name, total in found)
    values = max((total.num_values for _, total in found), default=0)
    return (
        "A class that is absent from prediction and reference has no value and is left out "
        f"({undefined or 'none'}, of {values} each). If it is absent from only one of them, its "
        "Dice and surface Dice are 0 and its HD95 is the diagonal of the image "
        f"({missed or 'none'})."
    )


def _all_patients(network: ComparedNetwork) -> MetricSummaries | None:
    """Return the counts on the patients of the folds and on held-out patients together."""
    if network.validation is None or network.held_out is None:
        return network.validation
    return MetricSummaries(metrics={}, counts=network.validation.counts + network.held_out.counts)


def _costs(comparison: Comparison) -> str:
    size = comparison.slice_size
    return (
        f"MACs: multiply-accumulates for one slice or patch, {size}×{size} under this protocol. "
        "The counts in Table 1 of Bosma et al. 2022 agree with an input of 32×32, hence that "
        "column. Latency: of one slice, in float32 on the study's device, from the fastest of "
        "several batches; on a busy machine it is too long. Training: mean duration of a training."
    )
