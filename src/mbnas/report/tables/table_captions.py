"""Captions of a comparison's tables in a paper: what, of whom, and what bold and ± mean."""

from __future__ import annotations

from mbnas.report.tables.comparison_notes import over_initialisations
from mbnas.results.comparison import Comparison
from mbnas.scoring.class_metrics import TOLERANCE_MM
from mbnas.scoring.differences import ALPHA
from mbnas.wording import counted


def patients_text(comparison: Comparison, *, held_out: bool) -> str:
    """Return the patients of a table with their number."""
    if held_out:
        return counted(comparison.num_held_out, "held-out patient")
    patients, folds = comparison.num_patients, comparison.num_folds
    return f"the {counted(patients, 'patient')} of {counted(folds, 'fold')}"


def metrics_caption(comparison: Comparison, *, held_out: bool, by_class: bool) -> str:
    """Return the caption of a table of metrics, for all classes together or for each.

    Args:
        comparison: Of the networks.
        held_out: Whether of held-out patients.
        by_class: Whether each class has rows of its own.
    """
    unit = comparison.unit
    others = "" if by_class or len(comparison.class_names) == 1 else ", then over classes"
    return (
        f"Dice (DSC), 95th percentile of the Hausdorff distance (HD95, in {unit}) and surface "
        f"Dice (within {TOLERANCE_MM:g} {unit}) of {counted(len(comparison.networks), 'network')} "
        f"on {patients_text(comparison, held_out=held_out)}{', by class' if by_class else ''}. "
        f"{over_initialisations(comparison)} of the mean over patients{others}; in brackets, "
        "where there is one, its 95 % interval over patients (BCa bootstrap). Bold: the best of "
        f"the {'class' if by_class else 'column'}, the lowest for HD95."
    )


def costs_caption(comparison: Comparison) -> str:
    """Return the caption of the table of costs."""
    size = comparison.slice_size
    return (
        "Costs of the networks: parameters, multiply-accumulates (MACs) for one slice or patch of "
        f"{size}×{size} and of 32×32 pixels, latency of one slice in ms, and mean duration of a "
        "training."
    )


def differences_caption(comparison: Comparison) -> str:
    """Return the caption of the table of differences between networks."""
    num_pairs = len(comparison.differences)
    adjusted = f", adjusted for {num_pairs} comparisons (Bonferroni)" if num_pairs > 1 else ""
    return (
        "Differences in Dice between networks on "
        f"{patients_text(comparison, held_out=comparison.is_held_out)}: the network named first "
        f"minus the second, mean over patients, with {100 * (1 - ALPHA):g} % interval and p of one "
        f"sign-flip test over patients{adjusted}, and the patients with a higher, an equal and a "
        "lower value. Bold: one network is shown to be better."
    )


def tests_caption(comparison: Comparison) -> str:
    """Return the caption of the table of the paper's tests."""
    return (
        f"Tests of the Dice of {counted(len(comparison.tested), 'network')} over "
        f"{counted(len(comparison.blocks), 'block')}, each one initialisation on one fold of "
        f"{patients_text(comparison, held_out=False)}, as in Bosma et al. 2022. Blocks are not "
        "independent, so p is too small."
    )
