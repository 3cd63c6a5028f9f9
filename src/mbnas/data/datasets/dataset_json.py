"""Reads ``dataset.json``: the declared channels and classes, in all variants in use.

The Decathlon and nnU-Net v1 number their labels (``{"1": "liver"}``), nnU-Net v2 names them
(``{"liver": 1}``); some files have keys of both. Unambiguous values are read; others are refused,
with the name of the key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mbnas.errors import DatasetError

MAX_CLASSES = 255
"""Prepared labels are bytes, and 0 is the background."""

_MAX_BYTES = 2**26
_LARGEST_LABEL = 2**31 - 1
_MAX_DIGITS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelClass:
    """A foreground class: its number in label files, and its name."""

    value: int
    name: str


def read_json(root: Path) -> dict[str, Any]:
    """Return the contents of the ``dataset.json`` of a folder.

    Raises:
        DatasetError: if it is missing or not a JSON object.
    """
    path = root / "dataset.json"
    if not root.is_dir():
        raise DatasetError(
            f"{root} is not a folder. Give the folder that holds the dataset's dataset.json."
        )
    try:
        if (num_bytes := path.stat().st_size) > _MAX_BYTES:
            raise malformed(root, f"has {num_bytes} bytes, more than the {_MAX_BYTES} it may")
        facts = json.loads(path.read_bytes())
        json.dumps(facts, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise malformed(root, f"has text that is not valid Unicode ({error.reason})") from error
    except FileNotFoundError:
        raise DatasetError(
            f"{root} has no dataset.json. Give a folder in Decathlon or nnU-Net raw layout."
        ) from None
    except (ValueError, RecursionError) as error:
        raise malformed(root, f"is not valid JSON ({error})") from error
    except OSError as error:
        raise DatasetError(f"{path} could not be read: {error.strerror}.") from error
    if not isinstance(facts, dict):
        raise malformed(root, f"holds a {type(facts).__name__}, not an object with keys")
    return facts


def malformed(root: Path, what: str) -> DatasetError:
    """Return the error that a ``dataset.json`` does not follow its layout."""
    return DatasetError(
        f"{root / 'dataset.json'} {what}. Correct it by the layout's documentation."
    )


def channels_of(root: Path, facts: dict[str, Any]) -> tuple[str, ...]:
    """Return the declared name of each image channel.

    They are in ``channel_names`` (nnU-Net v2) or ``modality`` (Decathlon, nnU-Net v1), as an
    object from numbers to names, a list, or the name of the only channel.

    Raises:
        DatasetError: if there are none, they are not numbered from 0, or the two keys differ.
    """
    found = {
        key: _channels(root, key, facts[key])
        for key in ("channel_names", "modality")
        if key in facts
    }
    if not found:
        raise malformed(root, "needs the image channels as 'channel_names' or 'modality'")
    first, *others = found.values()
    if any(_folded(first) != _folded(other) for other in others):
        raise DatasetError(
            f"{root / 'dataset.json'} names its channels twice: {', '.join(first)} in "
            f"channel_names, as nnU-Net v2 does, and {', '.join(others[0])} in modality, as the "
            "Decathlon and nnU-Net v1 do. Remove the key that is left over."
        )
    return first


def _channels(root: Path, key: str, value: object) -> tuple[str, ...]:
    match value:
        case str() if value.strip() and not set(value) & set(",;/"):
            return (value,)
        case list() if value and all(isinstance(each, str) and each for each in value):
            return tuple(value)
        case dict() if value:
            numbers = [int(each) if _is_number(each) else -1 for each in value]
            if sorted(numbers) != list(range(len(value))):
                expected = [str(number) for number in range(len(value))]
                raise malformed(
                    root, f"numbers its channels {list(value)} in {key!r}, not {expected}"
                )
            names = dict(zip(numbers, value.values(), strict=True))
            return tuple(str(names[number]) for number in range(len(names)))
    raise malformed(root, f"needs {key!r} as an object from numbers to names, not {value!r}")


def _folded(names: Iterable[str]) -> list[str]:
    return [name.strip().casefold() for name in names]


def classes_of(root: Path, facts: dict[str, Any]) -> tuple[LabelClass, ...]:
    """Return the declared foreground classes by ascending value.

    Raises:
        DatasetError: if there are none or too many, or a declaration is not a class.
    """
    labels = facts.get("labels")
    if not isinstance(labels, dict) or not labels:
        raise malformed(root, f"needs 'labels' as an object with entries, not {labels!r}")
    pairs = [_label(root, key, value) for key, value in labels.items()]
    classes = [LabelClass(value=value, name=name) for value, name in sorted(pairs) if value != 0]
    if not 1 <= len({label.value for label in classes}) == len(classes) <= MAX_CLASSES:
        raise malformed(
            root,
            f"declares {len(classes)} foreground labels: there must be 1 to {MAX_CLASSES}, with "
            "distinct values",
        )
    if classes[-1].value > _LARGEST_LABEL:
        raise malformed(root, f"declares a label larger than {_LARGEST_LABEL}")
    return tuple(classes)


def _label(root: Path, key: str, value: object) -> tuple[int, str]:
    """Return number and name of a label; either of them may be the key."""
    if isinstance(value, list):
        raise DatasetError(
            f"{root / 'dataset.json'} declares {key!r} as a region of labels {value}: mbnas "
            "needs one number per class. Merge or split the labels into classes."
        )
    key_is_number, value_is_number = _is_number(key), _is_number(value)
    if key_is_number and value_is_number and int(key) != int(str(value)):
        raise malformed(
            root,
            f"maps {key!r} to {value!r} in 'labels', which does not say which is the label's "
            "number and which its name",
        )
    if key_is_number and isinstance(value, int | str) and not isinstance(value, bool):
        return int(key), str(value)
    if value_is_number:
        if key == "ignore":
            raise DatasetError(
                f"{root / 'dataset.json'} declares an ignore label: mbnas scores every voxel. "
                "Give these voxels a class, or make them background."
            )
        return int(str(value)), key
    raise malformed(
        root,
        f"declares a label by {key[:20]!r} and {str(value)[:20]!r}: one of the two is a whole "
        f"number of up to {_MAX_DIGITS} digits",
    )


def _is_number(text: object) -> bool:
    """Return whether a key or value is an integer that a label could have, 0 or more."""
    if isinstance(text, bool) or not isinstance(text, int | str):
        return False
    digits = str(text) if isinstance(text, str) or text < 10**_MAX_DIGITS else ""
    return digits.isascii() and digits.isdecimal() and len(digits) <= _MAX_DIGITS
