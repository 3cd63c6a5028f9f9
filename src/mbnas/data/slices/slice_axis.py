"""Chooses the axis across which a dataset is cut, and finds volumes that do not fit it.

A volume is best cut across its coarsest axis: slices then have the full resolution of the scanner.
A volume that is one voxel thick along an axis is an image in that plane, for any spacing in its
header.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from mbnas.data.datasets.case_rules import Finding, listed
from mbnas.data.images.geometry import ANATOMICAL_AXES, Geometry
from mbnas.data.slices.neighbours import lacks_neighbours
from mbnas.data.slices.plane_transform import PlaneTransform

ISOTROPY = 1.01
"""Spacings with at most this ratio are considered equal."""

COARSER = 2.0
"""A volume that is at least this many times coarser along another axis than along the slice axis
was acquired in another orientation."""

MIN_VOXELS = 8
"""The minimum number of voxels along a side of a slice."""

MIN_PIXELS = 4
"""The minimum number of pixels along a side of a slice that is fitted into the square."""

MUCH_SMALLER = 4.0
"""Slices that become this many times smaller along each side may lose what matters in them."""

PLANES = ("sagittal", "coronal", "axial")
"""Names of slices across each canonical axis."""


def choose_slice_axis(geometries: Sequence[Geometry]) -> int:
    """Return the axis across which to cut a dataset.

    It is the axis along which most volumes are one voxel thick, or otherwise that of the largest
    median spacing. If several are equal within 1 %, it is the last: the third if isotropic.

    >>> flat = Geometry.canonical((48, 44, 1), (1.4, 1.4, 1.0))
    >>> coarse = Geometry.canonical((64, 16, 64), (1.0, 3.0, 1.0))
    >>> choose_slice_axis([flat]), choose_slice_axis([coarse])
    (2, 1)

    Args:
        geometries: The grids of its volumes, one or more.
    """
    shapes = np.array([grid.canonical_shape for grid in geometries])
    medians = np.array(median_spacing(geometries))
    flat = 2 * (shapes == 1).sum(axis=0) > len(shapes)
    if flat.any():
        medians = np.where(flat, medians, 0.0)
    return int(np.flatnonzero(medians * ISOTROPY >= medians.max())[-1])


def median_spacing(geometries: Iterable[Geometry]) -> tuple[float, float, float]:
    """Return the median spacing of some volumes along each canonical axis.

    Slices for patches are brought to that of the volumes that are not held out, as in nnU-Net.
    """
    x, y, z = np.median(np.array([grid.spacing_mm for grid in geometries]), axis=0).tolist()
    return x, y, z


def is_narrow(plane: PlaneTransform) -> bool:
    """Return whether slices are only a few pixels wide, and show no anatomy."""
    return min(plane.plane_shape) < MIN_VOXELS or min(plane.fitted) < MIN_PIXELS


def narrowness(geometry: Geometry, slice_axis: int, slice_size: int | None) -> str | None:
    """Return as text that slices are only a few pixels wide, and the remedy.

    Args:
        geometry: The grid of a case.
        slice_axis: The canonical axis that the dataset is cut across.
        slice_size: Side of the square that slices are fitted into, in pixels; ``None`` if they
            keep their resolution.

    Returns:
        The predicate of a sentence about the case; ``None`` if its slices are wide enough.
    """
    plane = _plane(geometry, slice_axis, slice_size)
    if not is_narrow(plane):
        return None
    height, width = plane.plane_shape
    rows, columns = plane.fitted
    has_voxels = min(plane.plane_shape) >= MIN_VOXELS
    what = (
        f"{height}×{width} voxels, which become {rows}×{columns} pixels: a slice has {MIN_PIXELS}"
        if has_voxels
        else f"{height}×{width} voxels: a slice has {MIN_VOXELS}"
    )
    remedies = [
        f"set preparation.slice_axis to {axis} ({ANATOMICAL_AXES[axis]})"
        for axis in range(3)
        if not is_narrow(_plane(geometry, axis, slice_size))
    ]
    if has_voxels:
        remedies.append("raise preparation.slice_size")
    remedy = ", or ".join([*remedies, "leave out what cannot be cut so"])
    return (
        f"cut across the {ANATOMICAL_AXES[slice_axis]} axis into slices of {what} or more along "
        f"each side. {remedy[0].upper()}{remedy[1:]}."
    )


def _plane(geometry: Geometry, slice_axis: int, slice_size: int | None) -> PlaneTransform:
    if slice_size is not None:
        return PlaneTransform.fit(geometry, slice_axis, slice_size)
    return PlaneTransform.keep(geometry, slice_axis, 1, geometry.spacing_mm)


def slice_findings(
    geometries: Mapping[str, Geometry],
    slice_axis: int,
    slice_size: int | None,
    context: int = 0,
) -> list[Finding]:
    """Return findings about cases that do not fit how they are cut into slices.

    Volumes and pictures together are an error, since lengths have no common unit. A case whose
    slices are only a few pixels wide is an error, and so are neighbouring slices where no case has
    any. All cases that were acquired in another orientation give one warning: their
    slices are coarse, but show the anatomy.

    Args:
        geometries: The grid of each case, by its name.
        slice_axis: The canonical axis that the dataset is cut across.
        slice_size: As for :func:`narrowness`.
        context: How many slices before and after a slice a network sees besides it.
    """
    if mixed := _mixed_units(geometries):
        return [Finding(severity="error", rule="mixed-units", message=mixed)]
    narrow: dict[str, list[str]] = {}
    for case, grid in geometries.items():
        if what := narrowness(grid, slice_axis, slice_size):
            narrow.setdefault(what, []).append(case)
    findings = [
        Finding(
            severity="error",
            case=cases[0] if len(cases) == 1 else None,
            rule="narrow-slices",
            message=f"Case {cases[0]} is {what}"
            if len(cases) == 1
            else f"Cases {listed(cases)} are {what}",
        )
        for what, cases in narrow.items()
    ]
    num_slices = [grid.canonical_shape[slice_axis] for grid in geometries.values()]
    if geometries and (what := lacks_neighbours(num_slices, context)):
        findings.append(Finding(severity="error", rule="no-neighbours", message=what))
    if others := _other_orientations(geometries, slice_axis):
        groups = "; ".join(
            f"{listed(cases)} {'is' if len(cases) == 1 else 'are'} {PLANES[axis]}"
            for axis, cases in others.items()
        )
        findings.append(
            Finding(
                severity="warning",
                rule="mixed-orientations",
                message=f"The dataset mixes orientations: slices are cut across the "
                f"{ANATOMICAL_AXES[slice_axis]} axis ({PLANES[slice_axis]}), but {groups}, and "
                "coarse when cut so. Leave these cases out, or make them a separate dataset.",
            )
        )
    return findings


def shrinking_advice(
    geometries: Mapping[str, Geometry], slice_axis: int, slice_size: int | None
) -> list[Finding]:
    """Return the advice to keep the resolution, if most slices lose much of it; else nothing.

    Args:
        geometries: As for :func:`slice_findings`.
        slice_axis: The canonical axis that the dataset is cut across.
        slice_size: As for :func:`narrowness`.
    """
    if slice_size is None or not geometries:
        return []
    sides = [max(_plane(grid, slice_axis, slice_size).plane_shape) for grid in geometries.values()]
    ratio = float(np.median(sides)) / slice_size
    if ratio < MUCH_SMALLER:
        return []
    message = (
        f"Slices become {ratio:.3g} times smaller along each side to fit into "
        f"{slice_size}×{slice_size} pixels: thin and small structures may vanish. To keep the "
        f"resolution, use patches: --set preparation.patch_size={slice_size}. To show whole "
        "slices in more detail, raise preparation.slice_size."
    )
    return [Finding(severity="advice", rule="much-smaller", message=message)]


def _mixed_units(geometries: Mapping[str, Geometry]) -> str | None:
    """Return the message that a dataset has volumes and pictures; ``None`` if it has one kind."""
    pictures = [case for case, grid in geometries.items() if grid.unit == "pixels"]
    volumes = [case for case in geometries if case not in set(pictures)]
    if not pictures or not volumes:
        return None
    return (
        f"The dataset mixes volumes with lengths in mm ({listed(volumes)}) and pictures with "
        f"lengths in pixels ({listed(pictures)}). Make two datasets."
    )


def _other_orientations(
    geometries: Mapping[str, Geometry], slice_axis: int
) -> dict[int, tuple[str, ...]]:
    """Return the cases acquired in another orientation, by their coarsest axis."""
    found: dict[int, list[str]] = {}
    for case, grid in geometries.items():
        own = choose_slice_axis([grid])
        is_flat = grid.canonical_shape[own] == 1 and grid.canonical_shape[slice_axis] > 1
        if is_flat or grid.spacing_mm[own] >= COARSER * grid.spacing_mm[slice_axis]:
            found.setdefault(own, []).append(case)
    return {axis: tuple(cases) for axis, cases in sorted(found.items())}
