"""Bodies that consist of ellipsoids in a warped space.

An anatomy is a table of organs in its own coordinates, in mm: ``x`` to the patient's right, ``y``
to the front, ``z`` upwards. A patient is one random warp of these coordinates, which moves, turns,
scales and bends all organs together, and a random change of each organ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int16, UInt8
from scipy import ndimage

Number = int | float
Vector = tuple[Number, Number, Number]
Points = Float[np.ndarray, "3 x y z"]
Place = Float[np.ndarray, "3"]
Image = Float[np.ndarray, "x y z"]
Mask = Bool[np.ndarray, "x y z"]
Tissues = UInt8[np.ndarray, "x y z"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """One synthetic patient.

    Attributes:
        voxels: Intensities, as a scanner would store them.
        labels: Class numbers; 0 is the background.
        affine: Voxel indices to millimetres; the axes are already canonical (RAS+).
    """

    voxels: Int16[np.ndarray, "channel x y z"]
    labels: Tissues
    affine: Float[np.ndarray, "4 4"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """A kind of patient: its channels and classes, and a function that draws one.

    Attributes:
        channels: The modality of each channel.
        classes: The name of each foreground class; the first is labelled 1.
        draw: Draws a patient.
    """

    channels: tuple[str, ...]
    classes: tuple[str, ...]
    draw: Callable[[np.random.Generator], Patient]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The voxels of a volume, with its centre as the origin.

    Attributes:
        shape_xyz: Number of voxels along each axis.
        spacing_mm: Distance between their centres.
    """

    shape_xyz: tuple[int, int, int]
    spacing_mm: Vector

    @property
    def affine(self) -> Float[np.ndarray, "4 4"]:
        """Voxel indices to millimetres."""
        affine = np.diag([*self.spacing_mm, 1.0])
        affine[:3, 3] = [
            -0.5 * (n - 1) * mm for n, mm in zip(self.shape_xyz, self.spacing_mm, strict=True)
        ]
        return affine

    def points(self) -> Points:
        """Return the position of every voxel in mm."""
        step, start = np.diag(self.affine)[:3], self.affine[:3, 3]
        points: Points = np.indices(self.shape_xyz) * _along_axes(step) + _along_axes(start)
        return points

    def smooth_noise(self, rng: np.random.Generator, scale_mm: Number) -> Image:
        """Return noise of mean 0 and standard deviation 1 that varies over ``scale_mm``."""
        sigmas = [scale_mm / mm for mm in self.spacing_mm]
        noise: Image = ndimage.gaussian_filter(rng.standard_normal(self.shape_xyz), sigmas)
        noise -= noise.mean()
        noise /= noise.std()
        return noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Warp:
    """How much patients differ in position, size and shape.

    Attributes:
        shift_mm: Largest displacement along each axis.
        turn_deg: Largest rotation about the body's long axis.
        tilt_deg: Largest rotation about the left-right axis.
        size: Smallest and largest scale.
        bend_mm: Standard deviation of the bending.
        bend_scale_mm: Length over which the bending varies.
    """

    shift_mm: Vector
    turn_deg: Number
    tilt_deg: Number
    size: tuple[Number, Number]
    bend_mm: Number
    bend_scale_mm: Number

    def draw(self, grid: Grid, rng: np.random.Generator) -> Points:
        """Return the anatomical coordinates of each voxel of a new patient, in mm."""
        shift = rng.uniform(-1, 1, 3) * self.shift_mm
        turn = _rotation(rng.uniform(-1, 1) * self.turn_deg, (0, 1))
        tilt = _rotation(rng.uniform(-1, 1) * self.tilt_deg, (1, 2))
        sizes = rng.uniform(*self.size) * rng.uniform(0.95, 1.05, 3)
        points = grid.points() - _along_axes(shift)
        points = np.einsum("ij,jxyz->ixyz", turn @ tilt, points) / _along_axes(sizes)
        bend = [grid.smooth_noise(rng, self.bend_scale_mm) for _ in range(3)]
        bent: Points = points + self.bend_mm * np.stack(bend)
        return bent


@dataclass(frozen=True, slots=True, kw_only=True)
class Organ:
    """An ellipsoid of one tissue, or of two if it has a core.

    Attributes:
        tissue: Number of its tissue.
        centre_mm: Its centre in anatomical coordinates.
        radii_mm: Half its extents before the rotation.
        turn_deg: Rotation about the ``z`` axis.
        core: The tissue of a concentric core and its share of the radii.
        within: The tissues that it may replace; ``None`` for all.
        vary_mm: Standard deviation of its position among patients, along each axis.
        vary_size: Relative standard deviation of its radii among patients.
    """

    tissue: int
    centre_mm: Vector
    radii_mm: Vector
    turn_deg: Number = 0
    core: tuple[int, float] | None = None
    within: tuple[int, ...] | None = None
    vary_mm: Number = 2.0
    vary_size: Number = 0.08


def build(
    tissues_XYZ: Tissues, points: Points, organs: Iterable[Organ], rng: np.random.Generator
) -> Tissues:
    """Return ``tissues_XYZ`` with the organs placed in order, later ones over earlier ones."""
    built = tissues_XYZ.copy()
    for organ in organs:
        centre = np.array(organ.centre_mm) + organ.vary_mm * rng.standard_normal(3)
        scale = np.clip(1 + organ.vary_size * rng.standard_normal(3), 0.6, 1.4)
        turn = organ.turn_deg + 5 * rng.standard_normal()
        radius = radius_in(points, centre, np.array(organ.radii_mm) * scale, turn)
        free = np.isin(built, organ.within) if organ.within else np.bool_(True)
        built[(radius < 1) & free] = organ.tissue
        if organ.core is not None:
            tissue, share = organ.core
            built[(radius < share) & free] = tissue
    return built


def radius_in(
    points: Points,
    centre_mm: Place,
    radii_mm: Place,
    turn_deg: Number = 0,
) -> Image:
    """Return each point's distance from an ellipsoid's centre, 1 on its surface."""
    offsets = points - _along_axes(centre_mm)
    turned = np.einsum("ij,jxyz->ixyz", _rotation(-turn_deg, (0, 1)), offsets)
    radius: Image = np.linalg.norm(turned / _along_axes(radii_mm), axis=0)
    return radius


def inside(points: Points, centre_mm: Vector, radii_mm: Vector, turn_deg: Number = 0) -> Mask:
    """Return which points are inside an ellipsoid."""
    centre, radii = np.array(centre_mm, dtype=float), np.array(radii_mm, dtype=float)
    return radius_in(points, centre, radii, turn_deg) < 1


def _along_axes(values: Place) -> Float[np.ndarray, "3 1 1 1"]:
    return values[:, None, None, None]


def _rotation(angle_deg: Number, plane: tuple[int, int]) -> Float[np.ndarray, "3 3"]:
    i, j = plane
    cosine, sine = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    matrix = np.eye(3)
    matrix[[i, i, j, j], [i, j, i, j]] = cosine, -sine, sine, cosine
    return matrix
