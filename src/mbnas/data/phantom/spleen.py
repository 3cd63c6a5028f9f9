"""An abdomen with a spleen in computed tomography, in Hounsfield units.

Liver, kidneys, heart, bowel and sometimes the stomach have the density of the spleen within the
noise: only position, shape and surroundings distinguish it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

import numpy as np
from scipy import ndimage

from mbnas.data.phantom.body import (
    Anatomy,
    Grid,
    Image,
    Mask,
    Organ,
    Patient,
    Points,
    Tissues,
    Warp,
    build,
    inside,
    radius_in,
)


class _Tissue(IntEnum):
    AIR = 0  # also inside bowel and stomach
    FAT = 1
    MUSCLE = 2
    BONE = 3
    MARROW = 4
    LUNG = 5
    LIVER = 6
    KIDNEY = 7
    BLOOD = 8
    WALL = 9  # of the stomach
    CONTENT = 10  # of the stomach
    BOWEL = 11
    SPLEEN = 12
    SIMILAR = 13  # bowel as dense as the spleen


_T = _Tissue
_DENSITY_HU = (-1000, -100, 55, 420, 190, -850, 108, 140, 135, 70, 70, 80, 112, 115)
_SPREAD_HU = (0, 6, 5, 50, 25, 20, 9, 18, 15, 12, 40, 20, 9, 15)

_WARP = Warp(
    shift_mm=(12, 12, 12), turn_deg=8, tilt_deg=6, size=(0.85, 1.03), bend_mm=6, bend_scale_mm=45
)
_SPINE = (
    Organ(tissue=_T.MUSCLE, centre_mm=(33, -80, 0), radii_mm=(30, 19, 300), vary_mm=3),
    Organ(tissue=_T.MUSCLE, centre_mm=(-33, -80, 0), radii_mm=(30, 19, 300), vary_mm=3),
    Organ(tissue=_T.BONE, centre_mm=(0, -86, 0), radii_mm=(15, 14, 300), core=(_T.MUSCLE, 0.55)),
    Organ(tissue=_T.BONE, centre_mm=(0, -58, 0), radii_mm=(22, 18, 300), core=(_T.MARROW, 0.8)),
)
_ORGANS = (
    Organ(tissue=_T.BLOOD, centre_mm=(-14, 40, 66), radii_mm=(55, 40, 26), vary_mm=6),
    Organ(tissue=_T.KIDNEY, centre_mm=(62, -44, -46), radii_mm=(25, 29, 46), vary_mm=6),
    Organ(tissue=_T.KIDNEY, centre_mm=(-56, -44, -40), radii_mm=(25, 29, 46), vary_mm=6),
    Organ(tissue=_T.LIVER, centre_mm=(72, 6, 8), radii_mm=(66, 78, 66), vary_mm=6),
    Organ(tissue=_T.LIVER, centre_mm=(5, 48, 12), radii_mm=(64, 28, 32), turn_deg=8, vary_mm=6),
    Organ(tissue=_T.BLOOD, centre_mm=(-12, -28, 0), radii_mm=(11, 11, 300), vary_mm=3),
    Organ(tissue=_T.BLOOD, centre_mm=(20, -24, 0), radii_mm=(13, 10, 300), vary_mm=3),
    Organ(
        tissue=_T.SPLEEN, centre_mm=(-98, -28, 0), radii_mm=(28, 54, 38), turn_deg=30,
        vary_mm=5, vary_size=0.16,
    ),
    Organ(
        tissue=_T.WALL, centre_mm=(-56, 30, 8), radii_mm=(38, 34, 42), turn_deg=-20,
        core=(_T.CONTENT, 0.86), vary_mm=7, vary_size=0.15,
    ),
)  # fmt: skip


def _draw(rng: np.random.Generator) -> Patient:
    """Draw a patient with one channel on a grid of 64 × 64 and 11 to 13 slices."""
    in_plane_mm = rng.uniform(4.7, 5.2)
    grid = Grid(
        shape_xyz=(64, 64, int(rng.integers(11, 14))),
        spacing_mm=(in_plane_mm, in_plane_mm, rng.uniform(8, 10)),
    )
    points = _WARP.draw(grid, rng)
    trunk, cavity = _trunk(points, rng)
    filled = build(trunk, points, (*_bowel(rng), *_ORGANS), rng)
    filled[(filled == _T.CONTENT) & (points[1] > rng.uniform(30, 60))] = _T.AIR  # gas rises
    filled[~_below_diaphragm(points) & (filled != _T.BLOOD)] = _T.LUNG
    tissues = np.where(cavity, filled, trunk)
    return Patient(
        voxels=_scan(tissues, grid, rng).round().clip(-1024, 3071).astype(np.int16)[None],
        labels=(tissues == _T.SPLEEN).astype(np.uint8),
        affine=grid.affine,
    )


def _trunk(points: Points, rng: np.random.Generator) -> tuple[Tissues, Mask]:
    """Return the tissues from skin to spine without organs, and where organs may be."""
    centre, radii = np.zeros(3), np.array([rng.uniform(142, 156), rng.uniform(98, 110), 1e6])
    fat_mm, wall_mm = rng.uniform(6, 18), rng.uniform(12, 17)
    depth_mm = (radius_in(points, centre, radii) - 1) * radii[:2].mean()  # from the wall outwards
    angle = np.arctan2(points[1] / radii[1], points[0] / radii[0])
    rib = np.cos(12 * angle + points[2] / 15 + rng.uniform(0, 2 * np.pi)) > 0.5
    tissues = np.full(depth_mm.shape, _T.FAT, dtype=np.uint8)
    tissues[depth_mm > fat_mm] = _T.AIR
    tissues[(depth_mm < 0) & (depth_mm > -wall_mm)] = _T.MUSCLE
    tissues[(depth_mm < -0.3 * wall_mm) & (depth_mm > -0.8 * wall_mm) & rib] = _T.BONE
    tissues = build(tissues, points, _SPINE, rng)
    return tissues, (depth_mm <= -wall_mm) & (tissues == _T.FAT)


def _below_diaphragm(points: Points) -> Mask:
    """Return which points are under the two domes of the diaphragm, or between the lungs."""
    right = inside(points, (66, 6, -70), (84, 116, 132))
    left = inside(points, (-66, 6, -70), (84, 116, 122))
    middle = inside(points, (0, -10, 0), (34, 60, 1e6))
    below: Mask = right | left | middle
    return below


def _bowel(rng: np.random.Generator) -> Iterator[Organ]:
    """Yield bowel loops in front and below, some as dense as the spleen and some with gas."""
    for _ in range(rng.integers(8, 15)):
        x, y, z = rng.uniform((-115, -20, -70), (60, 75, 0))
        content = rng.choice([_T.BOWEL, _T.BOWEL, _T.SIMILAR, _T.AIR])
        yield Organ(
            tissue=_T.BOWEL,
            centre_mm=(x, y, z),
            radii_mm=(rng.uniform(12, 24), rng.uniform(12, 18), rng.uniform(12, 24)),
            turn_deg=rng.uniform(0, 180),
            core=(int(content), 0.8),
        )


def _scan(tissues: Tissues, grid: Grid, rng: np.random.Generator) -> Image:
    densities = rng.normal(_DENSITY_HU, _SPREAD_HU)
    density: Image = ndimage.gaussian_filter(densities[tissues], (0.5, 0.5, 0.3))
    texture = 6 * grid.smooth_noise(rng, 12) + 6 * grid.smooth_noise(rng, 90)
    noise = rng.uniform(12, 22) * rng.standard_normal(grid.shape_xyz)
    scanned: Image = density + texture + noise
    return scanned


SPLEEN = Anatomy(channels=("CT",), classes=("spleen",), draw=_draw)
