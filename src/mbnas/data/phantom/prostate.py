"""A prostate in magnetic resonance imaging: T2-weighted, and apparent diffusion coefficient.

The peripheral zone is bright and the central zone slightly darker, with a faint border between
them. Nodules are bright parts of the central zone, lesions dark parts of the peripheral zone.
Seminal vesicles and venous plexus look like the peripheral zone, rectal wall and muscle like the
central zone.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

import numpy as np
from scipy import ndimage

from mbnas.data.phantom.body import Anatomy, Grid, Image, Organ, Patient, Tissues, Warp, build


class _Tissue(IntEnum):
    FAT = 0
    MUSCLE = 1
    BONE = 2
    URINE = 3
    GAS = 4
    WALL = 5  # of the rectum; also the bulb below the gland
    FLUID = 6  # glands and veins: vesicles, plexus
    PERIPHERAL = 7
    CENTRAL = 8
    LESION = 9  # in the peripheral zone
    NODULE = 10  # in the central zone
    STROMA = 11  # the front of the central zone


_T = _Tissue
_T2 = (430, 170, 110, 800, 40, 330, 500, 500, 385, 370, 480, 200)
_ADC = (300, 1150, 350, 2700, 100, 1300, 1650, 1650, 1330, 1150, 1500, 1050)
_LABELS = np.array([0, 0, 0, 0, 0, 0, 0, 1, 2, 1, 2, 2], dtype=np.uint8)

_WARP = Warp(
    shift_mm=(7, 7, 6), turn_deg=12, tilt_deg=10, size=(0.82, 1.15), bend_mm=2.2, bend_scale_mm=14
)
_SURROUNDINGS = (
    Organ(tissue=_T.MUSCLE, centre_mm=(43, 4, 0), radii_mm=(9, 30, 80), turn_deg=12),
    Organ(tissue=_T.MUSCLE, centre_mm=(-43, 4, 0), radii_mm=(9, 30, 80), turn_deg=-12),
    Organ(tissue=_T.BONE, centre_mm=(17, 42, -6), radii_mm=(17, 9, 30), turn_deg=-20),
    Organ(tissue=_T.BONE, centre_mm=(-17, 42, -6), radii_mm=(17, 9, 30), turn_deg=20),
    Organ(tissue=_T.MUSCLE, centre_mm=(27, -10, -12), radii_mm=(4, 20, 26), turn_deg=8),
    Organ(tissue=_T.MUSCLE, centre_mm=(-27, -10, -12), radii_mm=(4, 20, 26), turn_deg=-8),
    Organ(tissue=_T.WALL, centre_mm=(0, 2, -27), radii_mm=(11, 10, 10)),
    Organ(tissue=_T.MUSCLE, centre_mm=(0, 12, 36), radii_mm=(29, 23, 20), core=(_T.URINE, 0.86)),
    Organ(tissue=_T.WALL, centre_mm=(0, -33, 0), radii_mm=(15, 12, 90), core=(_T.GAS, 0.55)),
    Organ(tissue=_T.FLUID, centre_mm=(13, -13, 21), radii_mm=(15, 6, 8), turn_deg=-15),
    Organ(tissue=_T.FLUID, centre_mm=(-13, -13, 21), radii_mm=(15, 6, 8), turn_deg=15),
    Organ(tissue=_T.FLUID, centre_mm=(26, -13, 0), radii_mm=(6, 6, 22)),
    Organ(tissue=_T.FLUID, centre_mm=(-26, -13, 0), radii_mm=(6, 6, 22)),
    Organ(tissue=_T.FLUID, centre_mm=(0, 24, -6), radii_mm=(15, 6, 16)),
)
_GLAND = (
    Organ(tissue=_T.PERIPHERAL, centre_mm=(0, 0, 0), radii_mm=(26, 19, 18), vary_mm=0),
    Organ(
        tissue=_T.CENTRAL, centre_mm=(0, 5, 2), radii_mm=(18, 14, 15), within=(_T.PERIPHERAL,),
        vary_mm=1, vary_size=0.12,
    ),
    Organ(
        tissue=_T.STROMA, centre_mm=(0, 17, 0), radii_mm=(10, 4, 12), within=(_T.CENTRAL,),
        vary_mm=1,
    ),
)  # fmt: skip


def _draw(rng: np.random.Generator) -> Patient:
    """Draw a patient with two channels on a grid of 64 × 64 and 11 to 13 slices."""
    in_plane_mm = rng.uniform(1.4, 1.6)
    grid = Grid(
        shape_xyz=(64, 64, int(rng.integers(11, 14))),
        spacing_mm=(in_plane_mm, in_plane_mm, rng.uniform(3.8, 4.4)),
    )
    points = _WARP.draw(grid, rng)
    organs = (*_SURROUNDINGS, *_GLAND, *_spots(rng))
    tissues = build(np.full(grid.shape_xyz, _T.FAT, dtype=np.uint8), points, organs, rng)
    voxels = np.stack([_t2(tissues, grid, rng), _adc(tissues, grid, rng)])
    return Patient(
        voxels=voxels.round().clip(0, 32767).astype(np.int16),
        labels=_LABELS[tissues],
        affine=grid.affine,
    )


def _spots(rng: np.random.Generator) -> Iterator[Organ]:
    """Yield nodules of the central zone and lesions of the peripheral zone."""
    for _ in range(rng.integers(1, 5)):
        x, y, z = rng.uniform((-12, -2, -8), (12, 12, 10))
        radius = rng.uniform(3.5, 6.5)
        yield Organ(
            tissue=_T.NODULE, centre_mm=(x, y, z), radii_mm=(radius,) * 3, within=(_T.CENTRAL,)
        )
    for _ in range(rng.integers(0, 3)):
        x, y, z = rng.uniform((-20, -16, -10), (20, -6, 8))
        radius = rng.uniform(3, 5.5)
        yield Organ(
            tissue=_T.LESION, centre_mm=(x, y, z), radii_mm=(radius,) * 3, within=(_T.PERIPHERAL,)
        )


def _t2(tissues: Tissues, grid: Grid, rng: np.random.Generator) -> Image:
    means = np.array(_T2) * rng.normal(1, 0.06, len(_T2))
    signal: Image = ndimage.gaussian_filter(means[tissues], (0.6, 0.6, 0.25))
    signal *= 1 + 0.10 * grid.smooth_noise(rng, 2.5)
    signal *= np.exp(rng.uniform(0.08, 0.2) * grid.smooth_noise(rng, 35))
    noise = rng.uniform(25, 50) * rng.standard_normal((2, *grid.shape_xyz))
    magnitude: Image = np.hypot(signal + noise[0], noise[1])  # hence Rician
    return rng.uniform(0.6, 1.6) * magnitude


def _adc(tissues: Tissues, grid: Grid, rng: np.random.Generator) -> Image:
    means = np.array(_ADC) * rng.normal(1, 0.05, len(_ADC))
    signal: Image = ndimage.gaussian_filter(means[tissues], (1.1, 1.1, 0.4))
    noise = 0.08 * grid.smooth_noise(rng, 3) + 0.05 * rng.standard_normal(grid.shape_xyz)
    return signal * (1 + noise)


PROSTATE = Anatomy(channels=("T2", "ADC"), classes=("peripheral zone", "central zone"), draw=_draw)
