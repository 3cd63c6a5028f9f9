"""The paper's Table 1 and its tests, to compare new numbers with.

Means are over 5 seeds on 5-fold cross-validation, deviations over the scores of single seeds on all
five folds. HD is the 95th percentile in mm, SD the surface Dice within 2 mm. Multiply-accumulates
agree with an input of 32 by 32 pixels.

Source: Bosma, Dushatskiy, Grewal, Alderliesten and Bosman 2022, Mixed-Block Neural Architecture
Search for Medical Image Segmentation, arXiv 2202.11401, Table 1 and sections 2.2, 3.3 and 3.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mbnas.results.metric_summaries import Metric, Quantity

SOURCE = "Bosma et al. 2022, arXiv 2202.11401, Table 1 and sections 2.2, 3.3 and 3.4"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """One network of the paper's table.

    Attributes:
        title: Its name in the paper.
        metrics: Mean and standard deviation of each metric.
        macs_32: Multiply-accumulates, for an input of 32 by 32 pixels.
        parameters: Number of weights.
    """

    title: str
    metrics: Mapping[Metric, Quantity]
    macs_32: int
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFriedman:
    """The paper's Friedman test of all networks.

    Attributes:
        chi2: The statistic.
        freedom: Degrees of freedom.
        p_below: Upper bound of its p.
    """

    chi2: float
    freedom: int
    p_below: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedWilcoxon:
    """The paper's signed-rank test of its best network found against the U-Net.

    Attributes:
        statistic: The smaller sum of ranks; ``None`` where the paper gives none.
        p_below: Upper bound of its p; ``None`` where it is not significant.
    """

    statistic: float | None
    p_below: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedDataset:
    """The paper's results on one dataset.

    Attributes:
        modality: Of the scans.
        num_classes: Foreground classes.
        num_scans: Number of scans.
        num_slices: Of all scans.
        num_epochs: Of a training.
        rows: By the name of the space that a network was found in, or of the baseline.
        friedman: Of all networks of the table.
        wilcoxon: Of the best network found and the U-Net.
        dice_inside_nnunet: By network that nnU-Net trained.
    """

    modality: str
    num_classes: int
    num_scans: int
    num_slices: int
    num_epochs: int
    rows: Mapping[str, PublishedRow]
    friedman: PublishedFriedman
    wilcoxon: PublishedWilcoxon
    dice_inside_nnunet: Mapping[str, float]


_TITLES = {
    "unet": "U-Net",
    "resunet": "ResU-Net",
    "macro": "Macro-NAS",
    "micro": "Micro-NAS",
    "bilevel": "Bilevel-NAS",
    "mixed": "MB-NAS",
}

_Pair = tuple[float, float]


def _row(
    name: str, dice: _Pair, hd95_mm: _Pair, surface_dice: _Pair, mega_macs: int, million: float
) -> tuple[str, PublishedRow]:
    """Return a name and its row of the table as the paper prints it."""
    return name, PublishedRow(
        title=_TITLES[name],
        metrics={
            "dice": Quantity(mean=dice[0], sd=dice[1]),
            "hd95_mm": Quantity(mean=hd95_mm[0], sd=hd95_mm[1]),
            "surface_dice": Quantity(mean=surface_dice[0], sd=surface_dice[1]),
        },
        macs_32=mega_macs * 10**6,
        parameters=round(million * 10**6),
    )


PUBLISHED: Mapping[str, PublishedDataset] = {
    "prostate": PublishedDataset(
        modality="MRI, T2 and ADC",
        num_classes=2,
        num_scans=32,
        num_slices=602,
        num_epochs=100,
        rows=dict(
            (
                _row("unet", (0.6702, 0.004), (8.833, 0.348), (0.6046, 0.006), 302, 18.4),
                _row("resunet", (0.6580, 0.004), (9.441, 0.325), (0.5705, 0.006), 166, 32.5),
                _row("macro", (0.6593, 0.004), (8.606, 0.470), (0.5977, 0.008), 256, 3.39),
                _row("micro", (0.6796, 0.007), (8.394, 0.251), (0.6203, 0.008), 1295, 22.7),
                _row("bilevel", (0.6702, 0.005), (8.492, 0.541), (0.6134, 0.008), 414, 6.77),
                _row("mixed", (0.6760, 0.010), (8.419, 0.324), (0.6192, 0.004), 644, 3.04),
            )
        ),
        friedman=PublishedFriedman(chi2=16.98, freedom=5, p_below=0.005),
        wilcoxon=PublishedWilcoxon(statistic=None, p_below=None),
        dice_inside_nnunet={"MB-NAS": 0.7325, "nnU-Net": 0.7315},
    ),
    "spleen": PublishedDataset(
        modality="CT",
        num_classes=1,
        num_scans=41,
        num_slices=3650,
        num_epochs=50,
        rows=dict(
            (
                _row("unet", (0.9578, 0.002), (1.412, 0.030), (0.9170, 0.002), 302, 18.4),
                _row("resunet", (0.9464, 0.004), (1.625, 0.042), (0.9050, 0.003), 166, 32.5),
                _row("macro", (0.9566, 0.001), (1.467, 0.063), (0.9167, 0.001), 255, 3.39),
                _row("micro", (0.9567, 0.002), (1.388, 0.026), (0.9177, 0.004), 795, 2.83),
                _row("bilevel", (0.9553, 0.001), (1.449, 0.069), (0.9145, 0.005), 415, 6.78),
                _row("mixed", (0.9592, 0.002), (1.385, 0.036), (0.9189, 0.002), 1294, 22.7),
            )
        ),
        friedman=PublishedFriedman(chi2=49.14, freedom=5, p_below=0.0001),
        wilcoxon=PublishedWilcoxon(statistic=48.0, p_below=0.05),
        dice_inside_nnunet={"MB-NAS": 0.9467, "nnU-Net": 0.9466},
    ),
}
"""By dataset."""
