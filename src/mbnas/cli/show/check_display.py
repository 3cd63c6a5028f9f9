"""The output of ``mbnas check``: tables for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from mbnas.cli.show.printing import console
from mbnas.cli.terminal import Terminal, table, words
from mbnas.data.augmentation.laterality import Flips
from mbnas.data.checks.dataset_check import DatasetCheck
from mbnas.data.checks.dataset_contents import (
    ClassContents,
    DatasetContents,
    Spread,
)
from mbnas.data.datasets.case_rules import Finding, listed
from mbnas.data.datasets.normalisation import IN_WORDS
from mbnas.data.images.geometry import ANATOMICAL_AXES
from mbnas.data.slices.slice_axis import PLANES
from mbnas.wording import counted

_STYLES = {"error": "red", "warning": "yellow", "advice": "cyan"}
"""The style of each severity, worst first."""
_LAYOUTS = {
    "msd": "Decathlon (MSD)",
    "nnunet": "nnU-Net v2 raw",
    "nnunet-v1": "nnU-Net v1 raw",
}
FINDING_COLUMNS = tuple(each.name for each in fields(Finding))

_PATIENTS_BY = {
    "case": "every case is its own patient",
    "pattern": "by data.patient_pattern",
    "table": "by data.patient_table",
    "dataset": "by the table that dataset.json names",
}


def print_check(root: Path, check: DatasetCheck, flips: Flips) -> None:
    """Print the contents of a dataset, then the findings, then the verdict."""
    out = console()
    if check.contents is not None:
        _print_contents(out, root, check.contents, flips)
    if check.findings:
        out.print_table(_findings(check.findings))
    out.print(_verdict(check))


def check_as_json(check: DatasetCheck, flips: Flips) -> dict[str, Any]:
    """Return a check with stable keys."""
    contents = check.contents
    return {
        "sound": check.is_sound,
        "dataset": None if contents is None else _contents_as_json(contents),
        "flips": asdict(flips),
        "findings": [asdict(each) for each in check.findings],
    }


def _contents_as_json(contents: DatasetContents) -> dict[str, Any]:
    slices = contents.slices
    return {
        "name": contents.name,
        "layout": contents.layout,
        "cases": contents.num_cases,
        "declared_cases": contents.num_declared,
        "passed_over": [asdict(each) for each in contents.passed_over],
        "sound_cases": contents.num_sound,
        "patients": contents.num_patients,
        "patients_by": contents.patients_by,
        "channels": [
            {
                "name": each.name,
                "normalisation": each.scheme,
                "low": each.low,
                "high": each.high,
            }
            for each in contents.channels
        ],
        "voxels": contents.num_voxels,
        "ignored_voxels": contents.num_ignored,
        "classes": [
            {
                "value": each.value,
                "name": each.name,
                "labels": list(each.region or (each.value,)),
                "cases": each.num_cases,
                "patients": each.num_patients,
                "voxels": each.num_voxels,
                "share": _share(each, contents),
            }
            for each in contents.classes
        ],
        "length_unit": contents.unit,
        "shapes": None if contents.shapes is None else asdict(contents.shapes),
        "spacings_mm": None if contents.spacings_mm is None else asdict(contents.spacings_mm),
        "slice_axis": None if slices is None else slices.axis,
        "slice_size": None if slices is None else slices.size,
        "context": None if slices is None else slices.context,
        "slice_distance_mm": None if slices is None else slices.distance_mm,
        "patch_size": None if slices is None else slices.patch_size,
        "slices": None if slices is None else slices.num_slices,
    }


def _print_contents(out: Terminal, root: Path, contents: DatasetContents, flips: Flips) -> None:
    facts = [
        ("dataset", words(contents.name, "bold")),
        ("folder", words(str(root))),
        ("layout", words(_LAYOUTS[contents.layout])),
        ("cases", words(_cases(contents))),
        ("passed over", words(_passed_over(contents))),
        ("patients", words(_patients(contents))),
        ("slices", words(_slices(contents))),
        ("flips", words(_flips(flips))),
    ]
    if contents.num_ignored is not None:
        facts.append(("ignored", words(_ignored(contents))))
    out.print(_grid(facts), soft_wrap=False)
    out.print()
    out.print_table(_channels(contents))
    out.print_table(_classes(contents))
    if contents.shapes is not None and contents.spacings_mm is not None:
        is_picture = contents.unit == "pixels"
        out.print_table(_grids(contents.shapes, None if is_picture else contents.spacings_mm))


def _grid(rows: Iterable[tuple[str, Text]]) -> Table:
    made = Table.grid(padding=(0, 2))
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for label, value in rows:
        made.add_row(label, value)
    return made


def _flips(flips: Flips) -> str:
    return " ".join((", ".join(flips.axes) or "none", *(f"– {each}" for each in flips.notices)))


def _cases(contents: DatasetContents) -> str:
    unsound = contents.num_cases - contents.num_sound
    parts = [str(contents.num_cases)]
    if contents.num_declared not in (None, contents.num_cases):
        parts.append(f"numTraining says {contents.num_declared}")
    if unsound:
        parts.append(f"{unsound} of them with errors")
    return ", ".join(parts)


def _passed_over(contents: DatasetContents) -> str:
    files = [each.file for each in contents.passed_over]
    return counted(len(files), "file") + (f": {listed(files)}" if files else "")


def _patients(contents: DatasetContents) -> str:
    number = "–" if contents.num_patients is None else str(contents.num_patients)
    return f"{number}, {_PATIENTS_BY[contents.patients_by]}"


def _slices(contents: DatasetContents) -> str:
    slices = contents.slices
    if slices is None:
        return "–"
    side = slices.size if slices.patch_size is None else slices.patch_size
    cut = "fitted into" if slices.patch_size is None else "seen in patches of"
    shown = f"{cut} {side}×{side} pixels"
    if contents.unit == "pixels":
        return f"{counted(slices.num_slices, 'picture')}, {shown}"
    seen = ""
    if slices.context:
        sees = " and ".join(
            f"±{slices.distance_mm * (1 + offset):.3g} mm" for offset in range(slices.context)
        )
        seen = f"; a network also sees the slices at {sees}"
    why = "as preparation.slice_axis says" if slices.is_chosen else "by spacing and shape"
    return (
        f"{slices.num_slices} {PLANES[slices.axis]}, cut across the "
        f"{ANATOMICAL_AXES[slices.axis]} axis {why}, {shown}{seen}"
    )


def _channels(contents: DatasetContents) -> Table:
    shown = _table("channel", "name", "normalisation", "values", right=("values",))
    for number, each in enumerate(contents.channels):
        known = each.low is not None and each.high is not None
        values = f"{each.low:.4g} … {each.high:.4g}" if known else "–"
        what = f"{each.scheme}: {IN_WORDS[each.scheme]}"
        shown.add_row(str(number), words(each.name), what, values)
    return shown


def _classes(contents: DatasetContents) -> Table:
    numbers = ("cases", "patients", f"{_element(contents)}s", "share")
    kind = "region" if contents.has_regions else "class"
    shown = _table("labels" if contents.has_regions else "label", kind, *numbers, right=numbers)
    for each in contents.classes:
        shown.add_row(
            " ".join(map(str, each.region or (each.value,))),
            words(each.name),
            str(each.num_cases),
            str(each.num_patients),
            str(each.num_voxels),
            "–" if (share := _share(each, contents)) is None else f"{100 * share:.3g} %",
        )
    return shown


def _ignored(contents: DatasetContents) -> str:
    num_ignored = contents.num_ignored or 0
    total = num_ignored + contents.num_voxels
    share = f", {100 * num_ignored / total:.3g} %" if total else ""
    return f"{counted(num_ignored, _element(contents))}{share}"


def _element(contents: DatasetContents) -> str:
    return "pixel" if contents.unit == "pixels" else "voxel"


def _share(each: ClassContents, contents: DatasetContents) -> float | None:
    return each.num_voxels / contents.num_voxels if contents.num_voxels else None


def _grids(shapes: Spread, spacings_mm: Spread | None) -> Table:
    """Return the sizes of volumes and of their voxels, or of pictures, which have no spacing."""
    numbers = ("smallest", "median", "largest")
    if spacings_mm is None:
        shown = _table("width, height", *numbers, right=numbers)
        sizes = (shapes.low[:2], shapes.median[:2], shapes.high[:2])
        shown.add_row("pixels", *(_product(each, 5) for each in sizes))
        return shown
    shown = _table("along R, A, S", *numbers, right=numbers)
    for label, spread, digits in (("voxels", shapes, 5), ("spacing (mm)", spacings_mm, 3)):
        columns = (spread.low, spread.median, spread.high)
        shown.add_row(label, *(_product(each, digits) for each in columns))
    return shown


def _product(values: tuple[float, ...], digits: int) -> str:
    return "×".join(f"{value:.{digits}g}" for value in values)


def _table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    return table(
        *columns, words_in=[at for at, column in enumerate(columns) if column not in right]
    )


def _findings(findings: tuple[Finding, ...]) -> Table:
    shown = _table("severity", "case", "finding")
    for finding in sorted(findings, key=lambda each: list(_STYLES).index(each.severity)):
        severity = words(finding.severity, _STYLES[finding.severity])
        shown.add_row(severity, words(finding.case or "–"), words(finding.message))
    return shown


def _verdict(check: DatasetCheck) -> Text:
    num_warnings = sum(finding.severity == "warning" for finding in check.findings)
    if not check.num_errors + num_warnings:
        return words("The dataset is sound: a search can use it.")
    counts = f"{counted(check.num_errors, 'error')}, {counted(num_warnings, 'warning')}"
    verdict = "a search can use it." if check.is_sound else "a search would refuse this dataset."
    return words(f"{counts}: {verdict}")
