"""How long does measuring take? mbnas's final metrics and overlap counts against MONAI's own.

Final metrics: Dice, HD95 and surface Dice of label maps in three dimensions. Overlap counts: what
validation makes of logits. Both sides get the same label maps or logits, and the values
are compared: a fast function that gives other values is of no use.

    python benchmarks/metrics.py --output benchmarks/results/metrics.json
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import Rounds, described, interleaved, machine, ratios, spread, summary, write
from monai.metrics import (
    compute_dice,
    compute_hausdorff_distance,
    compute_surface_dice,
)
from monai.networks.utils import one_hot
from torch import nn
from volumes import Grid, segmented, volume_on

from mbnas.data.datasets.label_scheme import Targets
from mbnas.scoring.surface_distance import measure
from mbnas.training.loading.resident_slices import ResidentSlices
from mbnas.training.loop.validation import count_overlap

NUM_CLASSES = 3
TOLERANCE_MM = 2.0
GRIDS = {
    "hippocampus": Grid(shape_xyz=(36, 50, 36), spacing_mm=(1.0, 1.0, 1.0)),
    "prostate": Grid(shape_xyz=(160, 160, 20), spacing_mm=(1.2, 1.2, 3.6)),
    "prostate, fine": Grid(shape_xyz=(320, 320, 20), spacing_mm=(0.6, 0.6, 3.6)),
    "abdomen": Grid(shape_xyz=(256, 256, 60), spacing_mm=(1.5, 1.5, 5.0)),
}
"""Of datasets that people have; the same synthetic patient fills each."""

PATIENTS, SLICES_EACH = 8, 24
SIDES = (64, 128)
Values = np.ndarray
"""Of a volume: for every foreground class Dice, HD95 in mm and surface Dice."""


def main() -> None:
    """Measure both, write JSON and a page next to it, print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6, help="of each side (default 6)")
    parser.add_argument("--threads", type=int, default=1, help="of torch (default 1)")
    parser.add_argument(
        "--grids", nargs="+", choices=GRIDS, default=list(GRIDS), help="default all"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore", FutureWarning)  # MONAI passes itself what it has deprecated
    final = [of_volume(name, arguments.rounds) for name in arguments.grids]
    counts = [of_logits(side, arguments.rounds) for side in SIDES]
    results = {
        "machine": machine("cpu", arguments.threads),
        "headlines": [
            {
                "what": f"final metrics, {row['what']}: MONAI's time / mbnas's",
                "value": row["ratio"],
            }
            for row in final
        ]
        + [
            {
                "what": f"overlap counts, {row['what']}: MONAI's time / mbnas's",
                "value": row["ratio"],
            }
            for row in counts
        ]
        + [
            {
                "what": "largest difference of values",
                "value": max(max(row["largest_difference"]) for row in (*final, *counts)),
                "aim": "≤ 0.001",
            }
        ],
        "final": final,
        "counts": counts,
    }
    write(results, markdown(results), arguments.output)


def of_volume(name: str, rounds: int) -> dict[str, Any]:
    """Return how long both take for the final metrics of one volume, and how far they differ."""
    grid = GRIDS[name]
    _, reference_XYZ = volume_on(grid, seed=0)
    prediction_XYZ = segmented(reference_XYZ, seed=1)
    arms: dict[str, Callable[[], Values]] = {
        "mbnas": partial(ours, prediction_XYZ, reference_XYZ, grid.spacing_mm),
        "MONAI": partial(monais, prediction_XYZ, reference_XYZ, grid.spacing_mm),
    }
    return compared(f"{name} {grid}", arms, rounds)


def ours(prediction_XYZ: np.ndarray, reference_XYZ: np.ndarray, spacing_mm: Any) -> Values:
    """Return the final metrics as mbnas takes them."""
    measures = measure(
        prediction_XYZ,
        reference_XYZ,
        num_classes=NUM_CLASSES,
        spacing_mm=spacing_mm,
        tolerance_mm=TOLERANCE_MM,
    )
    return np.array([(each.dice, each.hd95_mm, each.surface_dice) for each in measures], float)


def monais(prediction_XYZ: np.ndarray, reference_XYZ: np.ndarray, spacing_mm: Any) -> Values:
    """Return the final metrics by MONAI's functions, called as its documentation does."""
    both = [
        one_hot(torch.from_numpy(labels.astype(np.int64))[None, None], NUM_CLASSES)
        for labels in (prediction_XYZ, reference_XYZ)
    ]
    measures = (
        compute_dice(*both, include_background=False),
        compute_hausdorff_distance(
            *both, include_background=False, percentile=95, spacing=spacing_mm
        ),
        compute_surface_dice(
            *both,
            class_thresholds=[TOLERANCE_MM] * (NUM_CLASSES - 1),
            include_background=False,
            spacing=spacing_mm,
            use_subvoxels=True,
        ),
    )
    return torch.stack([each[0] for each in measures], dim=1).double().numpy()


def of_logits(side: int, rounds: int) -> dict[str, Any]:
    """Return how long both take for the Dice of some patients' logits, and how far they differ."""
    generator = torch.Generator().manual_seed(0)
    num_slices = PATIENTS * SLICES_EACH
    logits_NKHW = torch.randn(num_slices, NUM_CLASSES, side, side, generator=generator)
    labels_NHW = torch.randint(
        NUM_CLASSES, (num_slices, side, side), dtype=torch.uint8, generator=generator
    )
    patients = tuple(f"patient {number}" for number in range(PATIENTS))
    data = ResidentSlices(  # its images are the logits, which the network passes on
        images_NCHW=logits_NKHW.contiguous(memory_format=torch.channels_last),
        labels_NHW=labels_NHW,
        patient_N=np.repeat(np.arange(PATIENTS), SLICES_EACH),
        patient_classes=dict.fromkeys(patients, frozenset()),
        targets=Targets(num_labels=NUM_CLASSES - 1),
        flip_axis_dims={},
    )

    def counted() -> Values:
        counts = count_overlap(nn.Identity(), data, np.arange(num_slices), "float32")
        return counts.dice()

    def by_monai() -> Values:
        shape = (PATIENTS, SLICES_EACH, side, side)
        predicted_NHW = data.images_NCHW.argmax(dim=1)
        both = [
            one_hot(labels.reshape(shape)[:, None].long(), NUM_CLASSES)
            for labels in (predicted_NHW, labels_NHW)
        ]
        return compute_dice(*both, include_background=False).double().numpy()

    title = f"{PATIENTS} patients of {SLICES_EACH} slices of {side}×{side}"
    return compared(title, {"mbnas": counted, "MONAI": by_monai}, rounds)


def compared(title: str, arms: Mapping[str, Callable[[], Values]], rounds: int) -> dict[str, Any]:
    """Return the time of both arms, their ratio, and the largest difference of each value."""
    measured: Rounds = interleaved(arms, rounds=rounds)
    difference = np.abs(arms["mbnas"]() - arms["MONAI"]())
    return {
        "what": title,
        "wall_s": {name: summary([each["wall_s"] for each in of]) for name, of in measured.items()},
        "ratio": ratios(measured, "MONAI", "mbnas"),
        "values": arms["mbnas"]().tolist(),
        "largest_difference": difference.max(axis=0).tolist(),
    }


def markdown(results: Mapping[str, Any]) -> str:
    """Return the results as a page: time, ratio and agreement of final metrics and of counts."""
    lines = [
        "# Measuring: mbnas and MONAI",
        "",
        described(results["machine"]),
        "",
        "Median (quartiles) of calls in turn; the ratio is MONAI's time over that of mbnas, round",
        "by round. Of both sides the same label maps of two foreground classes, and the largest",
        "difference between what they say.",
        "",
        "## Final metrics: Dice, HD95 and surface Dice at 2 mm",
        "",
        "mbnas calls MONAI's functions too, within the box of each class, and finds that box in",
        "one pass over both maps; MONAI's are called here on one-hot maps of the whole volume.",
        "",
        *table(results["final"], ("Dice", "HD95 in mm", "surface Dice")),
        "",
        "## Overlap counts: from logits to each patient's Dice",
        "",
        "What a validation does after the network. Both take the likeliest class; mbnas counts",
        "voxels slice by slice, MONAI computes on one-hot maps of whole volumes.",
        "",
        *table(results["counts"], ("Dice of each class",)),
    ]
    return "\n".join(lines) + "\n"


def table(rows: Sequence[Mapping[str, Any]], values: Sequence[str]) -> list[str]:
    """Return a row for each volume or set of logits."""
    names = ("of", "mbnas, ms", "MONAI, ms", "ratio", f"difference ({', '.join(values)})")
    lines = [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]
    for row in rows:
        cells = [row["what"]]
        cells += [in_ms(row["wall_s"][name]) for name in ("mbnas", "MONAI")]
        cells += [spread(row["ratio"], 2)]
        cells += [", ".join(f"{each:.1g}" for each in row["largest_difference"])]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def in_ms(of: Mapping[str, float]) -> str:
    """Return seconds as milliseconds, median and quartiles."""
    return spread({key: 1000 * value for key, value in of.items()}, 1)


if __name__ == "__main__":
    main()
