"""Reads the labels that ``dataset.json`` declares: classes, regions and the ignore label.

The Decathlon and nnU-Net v1 number their labels (``{"1": "liver"}``), nnU-Net v2 names them
(``{"liver": 1}``). Only nnU-Net v2 has regions, as lists of labels, and the label ``ignore``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mbnas.data.datasets.dataset_json import MAX_DIGITS, is_number, malformed, read_json
from mbnas.data.datasets.label_scheme import MAX_CLASSES, LabelClass, LabelScheme
from mbnas.errors import DatasetError

_LARGEST_LABEL = 2**31 - 1
_IGNORE, _ORDER = "ignore", "regions_class_order"


def read_labels(root: Path) -> LabelScheme:
    """Return the labels that the ``dataset.json`` of a folder declares.

    Raises:
        DatasetError: if there is none, or its labels cannot be used.
    """
    return labels_of(root, read_json(root))


def labels_of(root: Path, facts: dict[str, Any]) -> LabelScheme:
    """Return the declared labels: classes by ascending value, or regions as they are declared.

    Raises:
        DatasetError: if there are none or too many, or a declaration cannot be used.
    """
    labels = facts.get("labels")
    if not isinstance(labels, dict) or not labels:
        raise malformed(root, f"needs 'labels' as an object with entries, not {labels!r}")
    ignore = _ignored(root, labels)
    declared = [
        _label(root, key, value)
        for key, value in labels.items()
        if ignore is None or key != _IGNORE
    ]
    foreground = [(values, name) for values, name in declared if values != (0,)]
    if any(len(values) > 1 for values, _ in foreground):
        classes = _regions(root, foreground, facts.get(_ORDER))
    else:
        pairs = sorted((values[0], name) for values, name in foreground)
        classes = [LabelClass(value=value, name=name) for value, name in pairs]
    scheme = LabelScheme(classes=tuple(classes), ignore=ignore)
    _check(root, scheme)
    return scheme


def _ignored(root: Path, labels: dict[str, Any]) -> int | None:
    """Return the value of ignored voxels, which only nnU-Net v2 declares."""
    value = labels.get(_IGNORE)
    if isinstance(value, list):
        raise malformed(root, f"declares {_IGNORE!r} as a region {value}, and it is one label")
    return int(str(value)) if is_number(value) else None


def _label(root: Path, key: str, value: object) -> tuple[tuple[int, ...], str]:
    """Return the values and the name of a label or region; key or value may be the number."""
    if isinstance(value, list):
        return _region(root, key, value), key
    key_is_number, value_is_number = is_number(key), is_number(value)
    if key_is_number and value_is_number and int(key) != int(str(value)):
        raise malformed(
            root,
            f"maps {key!r} to {value!r} in 'labels', which does not say which is the label's "
            "number and which its name",
        )
    if key_is_number and isinstance(value, int | str) and not isinstance(value, bool):
        return (int(key),), str(value)
    if value_is_number:
        return (int(str(value)),), key
    raise malformed(
        root,
        f"declares a label by {key[:20]!r} and {str(value)[:20]!r}: one of the two is a whole "
        f"number of up to {MAX_DIGITS} digits",
    )


def _region(root: Path, name: str, labels: list[Any]) -> tuple[int, ...]:
    """Return the label values of a region, ascending."""
    values = tuple(sorted(int(str(each)) for each in labels if is_number(each)))
    if not values or len(set(values)) < len(labels) or 0 in values:
        raise malformed(
            root,
            f"declares the region {name!r} as {str(labels)[:40]}: a region is a list of different "
            "labels without the background 0",
        )
    return values


def _regions(
    root: Path, declared: Sequence[tuple[tuple[int, ...], str]], order: object
) -> list[LabelClass]:
    """Return regions with the label that each becomes in a label map.

    Raises:
        DatasetError: if ``regions_class_order`` does not give every region one of its labels.
    """
    names = ", ".join(name for _, name in declared)
    if not isinstance(order, list) or len(order) != len(declared) or not all(map(is_number, order)):
        raise malformed(
            root,
            f"needs {_ORDER!r} as a list of {len(declared)} labels, not {str(order)[:40]}: the "
            f"labels that the regions {names} become in label maps, in this order",
        )
    values = [int(str(each)) for each in order]
    for value, (labels, name) in zip(values, declared, strict=True):
        if value not in labels or values.count(value) > 1:
            raise malformed(
                root,
                f"gives the region {name} the label {value} in {_ORDER!r}: it needs one of its "
                f"own labels ({', '.join(map(str, labels))}), which no other region is given",
            )
    return [
        LabelClass(value=value, name=name, region=labels)
        for value, (labels, name) in zip(values, declared, strict=True)
    ]


def _check(root: Path, scheme: LabelScheme) -> None:
    """Raise if there are no labels or too many, or the ignore label is not the highest."""
    classes, values = scheme.classes, scheme.values
    most = MAX_CLASSES - (scheme.ignore is not None)
    is_distinct = scheme.has_regions or len(values) == len(classes)
    if not (1 <= len(values) <= most and len(classes) <= MAX_CLASSES and is_distinct):
        raise malformed(
            root,
            f"declares {len(classes)} foreground labels: there must be 1 to {most}, with "
            "distinct values",
        )
    if max(scheme.declared) > _LARGEST_LABEL:
        raise malformed(root, f"declares a label larger than {_LARGEST_LABEL}")
    if scheme.ignore is not None and scheme.ignore <= values[-1]:
        raise DatasetError(
            f"{root / 'dataset.json'} declares the label {scheme.ignore} as ignore, and another "
            f"label {values[-1]}: ignored voxels have the highest label. Renumber the labels."
        )
