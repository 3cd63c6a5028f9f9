"""Reads ``dataset.json``: its keys and the declared channels, in all variants in use.

The Decathlon and nnU-Net v1 number their labels (``{"1": "liver"}``), nnU-Net v2 names them
(``{"liver": 1}``); some files have keys of both. Unambiguous values are read; others are refused,
with the name of the key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mbnas.errors import DatasetError

_MAX_BYTES = 2**26
MAX_DIGITS = 10
"""Longest number of a channel or label."""


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
            f"{root} has no dataset.json. Give a folder in Decathlon or nnU-Net raw layout, "
            "or make one of pictures and masks with mbnas dataset."
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
            numbers = [int(each) if is_number(each) else -1 for each in value]
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


def is_number(text: object) -> bool:
    """Return whether a key or value is a whole number of few digits, 0 or more."""
    if isinstance(text, bool) or not isinstance(text, int | str):
        return False
    digits = str(text) if isinstance(text, str) or text < 10**MAX_DIGITS else ""
    return digits.isascii() and digits.isdecimal() and len(digits) <= MAX_DIGITS
