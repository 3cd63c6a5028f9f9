"""Checks one case against the rules that a search depends on.

``mbnas check``, which reports the findings of all cases, and the preparation of slices, which
refuses a dataset with any finding, use the same function.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Integer, UInt8

from mbnas.data.datasets.dataset import Case, Dataset
from mbnas.data.datasets.normalisation import outside_range, scheme_of
from mbnas.data.images.geometry import Geometry, aligned
from mbnas.data.images.integer_labels import scale_remark
from mbnas.data.images.read import read_header, read_image, read_label
from mbnas.data.images.volume import Volume
from mbnas.errors import DatasetError, LabelError


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about a dataset that a user should know.

    Attributes:
        severity: An error stops a search, a warning does not; advice is not about a mistake.
        case: Name of the case, or ``None`` for the dataset.
        file: The file, if it is a single one.
        rule: Short name of the rule, which does not change, for other programs.
        message: What is wrong and what to do.
    """

    severity: Literal["error", "warning", "advice"]
    case: str | None = None
    file: str | None = None
    rule: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """A case and its findings.

    Attributes:
        findings: Empty if the case breaks no rule.
        image: ``None`` if it cannot be read.
        labels_XYZ: Prepared labels; ``None`` if there are findings.
        constant_channels: Numbers of the image channels with a single value; empty if all are.
    """

    findings: tuple[Finding, ...]
    image: Volume | None
    labels_XYZ: UInt8[np.ndarray, "x y z"] | None
    constant_channels: tuple[int, ...] = ()


def examine_case(case: Case, dataset: Dataset, *, allow_empty: bool) -> Examination:
    """Read a case and check it against every rule.

    Args:
        case: The case to read.
        dataset: The declared dataset; its list of cases is not used.
        allow_empty: Whether a case may have no foreground.
    """
    findings: list[Finding] = []
    image, label = None, None
    try:
        image = read_image(case.images)
    except DatasetError as error:
        file = case.images[0] if len(case.images) == 1 else None
        findings.append(_finding(case, file, "unreadable-image", str(error)))
    try:
        label = read_label(case.label)
    except LabelError as error:
        findings.append(_finding(case, case.label, "label-not-integer", str(error)))
    except DatasetError as error:
        findings.append(_finding(case, case.label, "unreadable-label", str(error)))
    if image is not None:
        findings.extend(_image_findings(case, image, dataset))
    if image is not None and label is not None:
        findings.extend(_grid_findings(case, image.geometry, label[1]))
    if label is not None:
        findings.extend(_label_findings(case, label[0], dataset, allow_empty=allow_empty))
    return Examination(
        findings=tuple(findings),
        image=image,
        labels_XYZ=None
        if findings or image is None or label is None
        else dataset.labels.prepared(aligned(*label, image.geometry)),
        constant_channels=() if image is None else _constant_channels(image),
    )


def constant_findings(
    constant_channels: Mapping[str, tuple[int, ...]], dataset: Dataset
) -> list[Finding]:
    """Return a warning for each channel that has a single value in some cases.

    Args:
        constant_channels: Numbers of the constant channels of each case, by its name.
        dataset: The declared dataset.
    """
    findings = []
    for number, channel in enumerate(dataset.channels):
        cases = [name for name, constant in constant_channels.items() if number in constant]
        if not cases:
            continue
        everywhere = len(cases) == len(constant_channels)
        findings.append(
            Finding(
                severity="warning",
                rule="constant-channel",
                message=f"Channel {number} ({channel}) has one value everywhere in "
                f"{'all cases' if everywhere else listed(cases)}: "
                + (
                    "a network learns nothing from it. Remove the channel, or correct its files."
                    if everywhere
                    else "there it shows nothing. Correct the files, or leave the cases out."
                ),
            )
        )
    return findings


def listed(names: Sequence[str]) -> str:
    """Return names as text, at most the first five.

    >>> listed(["a", "b", "c"]), listed(list("abcdefg"))
    ('a, b and c', 'a, b, c, d, e and 2 more')
    """
    shown, rest = list(names[:5]), len(names) - 5
    if rest > 0:
        return f"{', '.join(shown)} and {rest} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def refuse(findings: Sequence[Finding], dataset: Dataset) -> None:
    """Raise if there is any finding, with the first one and the number of others.

    Raises:
        DatasetError: with the first finding's message.
    """
    if not findings:
        return
    count = len(findings) - 1
    others = f" `mbnas check {dataset.root}` shows this and {count} more." if count else ""
    raise DatasetError(findings[0].message + others)


def _finding(case: Case, file: Path | None, rule: str, message: str) -> Finding:
    name = None if file is None else str(file)
    return Finding(severity="error", case=case.name, file=name, rule=rule, message=message)


def _image_findings(case: Case, image: Volume, dataset: Dataset) -> Iterator[Finding]:
    path, num_channels = case.images[0], len(image.voxels)
    if num_channels != len(dataset.channels):
        yield _finding(
            case,
            path,
            "channel-count",
            f"Case {case.name} has {num_channels} image channels, but dataset.json declares "
            f"{len(dataset.channels)} ({', '.join(dataset.channels)}): all cases have the declared "
            "channels. Complete the case or correct dataset.json.",
        )
    num_bad = image.voxels.size - int(np.isfinite(image.voxels).sum())
    if num_bad:
        yield _finding(
            case,
            path,
            "non-finite",
            f"{path} holds {num_bad} voxels that are not finite (nan or infinite): intensities "
            "are finite numbers. Replace them or leave the case out.",
        )
    elif all(voxels.min() == voxels.max() for voxels in image.voxels):
        yield _finding(
            case,
            path,
            "constant-image",
            f"Case {case.name} has an image that is {float(image.voxels.flat[0]):g} everywhere: "
            "there is nothing to segment. Correct the file, or leave the case out.",
        )
    elif num_channels == len(dataset.channels):
        schemes = [scheme_of(channel) for channel in dataset.channels]
        if what := outside_range(image.voxels, schemes):
            yield _finding(case, path, "intensity-range", f"{path} {what}")


def _constant_channels(image: Volume) -> tuple[int, ...]:
    channels = enumerate(image.voxels)
    found = tuple(number for number, voxels in channels if voxels.min() == voxels.max())
    return () if len(found) == len(image.voxels) else found


def _grid_findings(case: Case, image: Geometry, label: Geometry) -> Iterator[Finding]:
    difference = label.difference_from(image)
    if difference is None:
        return
    if label.offset_from(image) is None:
        rule, remedy = "shape-mismatch", "Resample the label onto the image."
        if image.unit == "pixels":
            remedy = "Make both of one size; EXIF may turn the image."
    else:
        rule = "affine-mismatch"
        remedy = "Resample the label onto the image, or correct the wrong header."
    yield _finding(
        case,
        case.label,
        rule,
        f"{case.label} is not on the grid of its image {case.images[0]}: {difference}. {remedy}",
    )


def _label_findings(
    case: Case, labels_XYZ: Integer[np.ndarray, "x y z"], dataset: Dataset, *, allow_empty: bool
) -> Iterator[Finding]:
    values = np.unique(labels_XYZ)
    declared = dataset.labels.declared
    undeclared = values[~np.isin(values, declared)]
    if undeclared.size:
        yield _finding(
            case,
            case.label,
            "label-undeclared",
            f"{case.label} holds label {_shown(undeclared)}, but dataset.json declares "
            f"{_shown(np.array(declared))}. Declare it or correct the file."
            + scale_remark(read_header(case.label).scale),
        )
    if values.size and np.all(values == dataset.ignore):
        yield _finding(
            case,
            case.label,
            "unlabelled-case",
            f"Case {case.name} has no labelled voxel: {case.label.name} holds the ignore label "
            f"{dataset.ignore} alone, so nothing can be learned from it. Label it, or leave it "
            "out.",
        )
    elif not allow_empty and np.all((values == 0) | (values == dataset.ignore)):
        yield _finding(
            case,
            case.label,
            "empty-case",
            f"Case {case.name} has no foreground: nothing in {case.label.name} is labelled. "
            "Leave it out, or set data.allow_empty_cases to true.",
        )


def _shown(values: np.ndarray) -> str:
    shown = ", ".join(map(str, values[:5]))
    return shown if len(values) <= 5 else f"{shown} and {len(values) - 5} others"
