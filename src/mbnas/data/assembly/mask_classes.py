"""The classes of a set of masks: which value or colour is which label, and what it is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mbnas.data.assembly.mask_file import Key, MaskContents
from mbnas.errors import DatasetError, UsageError

_BLACK = ((0,), (0, 0, 0))
_COLOUR_NAMES: dict[Key, str] = {
    (255, 0, 0): "red",
    (0, 255, 0): "green",
    (0, 0, 255): "blue",
    (255, 255, 0): "yellow",
    (0, 255, 255): "cyan",
    (255, 0, 255): "magenta",
    (255, 255, 255): "white",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskClass:
    """A class of a set of masks.

    Attributes:
        key: Its value or colour in the masks.
        label: Its label in the dataset, from 1; 0 is the background.
        name: What it is called.
        num_masks: Masks that have it.
        num_pixels: Its pixels in all masks.
    """

    key: Key
    label: int
    name: str
    num_masks: int
    num_pixels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskClasses:
    """How masks become label maps.

    Attributes:
        background: The value or colour of the background.
        classes: By ascending label.
        ignored: The class that is learnt and scored nowhere; ``None`` if there is none.
        as_seen: Whether palettes give their colours instead of their numbers.
    """

    background: Key
    classes: tuple[MaskClass, ...]
    ignored: MaskClass | None
    as_seen: bool

    @property
    def labels(self) -> dict[Key, int]:
        """The label of each value or colour."""
        ignored = () if self.ignored is None else (self.ignored,)
        return {
            self.background: 0,
            **{each.key: each.label for each in (*self.classes, *ignored)},
        }


def palettes_differ(masks: Sequence[MaskContents]) -> bool:
    """Return whether a number has different colours in the palettes of different masks."""
    known: dict[Key, Key] = {}
    return any(
        known.setdefault(number, colour) != colour
        for mask in masks
        for number, colour in mask.colours.items()
    )


def find_classes(
    masks: Sequence[MaskContents],
    *,
    background: str | None = None,
    ignored: str | None = None,
    names: Sequence[str] | None = None,
) -> MaskClasses:
    """Return the classes of masks, numbered by ascending value.

    Args:
        masks: What they hold.
        background: Value or colour of the background; by default 0, or black.
        ignored: Value or colour of what is learnt and scored nowhere.
        names: Of the classes, by ascending value, as :func:`check_names` allows; by default their
            values or colours.

    Raises:
        DatasetError: if there is no class, no background, or both numbers and colours.
        UsageError: if a given value is in no mask, or names are not one for each class.
    """
    as_seen = palettes_differ(masks)
    counts: dict[Key, list[int]] = {}
    for mask in masks:
        for key, count in _seen(mask, as_seen).items():
            counts.setdefault(key, []).append(count)
    if len({len(key) for key in counts}) > 1:
        counts = _as_colours(counts)
    zero = next((key for key in _BLACK if key in counts), None)
    chosen = zero if background is None else _given(background, counts, "background")
    if chosen is None:
        raise DatasetError(
            f"No mask holds 0, and the values are {_in_words(sorted(counts))}: say which is the "
            "background with --background."
        )
    left_out = None if ignored is None else _given(ignored, counts, "ignored value")
    keys = sorted(counts.keys() - {chosen, left_out})
    if not keys:
        raise DatasetError(
            f"All masks are {_text(chosen)} everywhere: there is nothing to learn. Give others."
        )
    if names is not None and len(names) != len(keys):
        raise UsageError(
            f"--classes names {len(names)} classes, and the masks have {len(keys)}, with the "
            f"values {_in_words(keys)}. Name each, in this order."
        )
    if names is None:
        names = ["foreground"] if len(keys) == 1 else [_name(key) for key in keys]
    classes = tuple(
        _mask_class(key, label, name, counts)
        for label, (key, name) in enumerate(zip(keys, names, strict=True), start=1)
    )
    return MaskClasses(
        background=chosen,
        classes=classes,
        ignored=None
        if left_out is None
        else _mask_class(left_out, len(classes) + 1, "ignore", counts),
        as_seen=as_seen,
    )


def shows_a_class(mask: MaskContents, classes: MaskClasses) -> bool:
    """Return whether a mask holds more than background and ignored pixels."""
    kept = {as_colour(each.key) for each in classes.classes}
    return any(as_colour(key) in kept for key in _seen(mask, classes.as_seen))


def check_names(names: Sequence[str]) -> None:
    """Return if names can be those of classes.

    Raises:
        UsageError: if one cannot.
    """
    taken = {"", "background", "ignore"}
    for name in names:
        if name.casefold() in taken or name.isdecimal():
            raise UsageError(
                f"--classes holds {name!r}: classes have distinct names, which are no numbers and "
                "not background or ignore. Name it otherwise."
            )
        taken.add(name.casefold())


def value_text(key: Key) -> str:
    """Return a value, or a colour as ``#rrggbb``.

    >>> value_text((255,)), value_text((255, 0, 16))
    ('255', '#ff0010')
    """
    return _text(key)


def _mask_class(key: Key, label: int, name: str, counts: Mapping[Key, Sequence[int]]) -> MaskClass:
    pixels = counts[key]
    return MaskClass(key=key, label=label, name=name, num_masks=len(pixels), num_pixels=sum(pixels))


def _seen(mask: MaskContents, as_seen: bool) -> dict[Key, int]:
    if not (as_seen and mask.colours):
        return mask.counts
    found: dict[Key, int] = {}
    for number, count in mask.counts.items():
        colour = mask.colours[number]
        found[colour] = found.get(colour, 0) + count
    return found


def _as_colours(counts: Mapping[Key, list[int]]) -> dict[Key, list[int]]:
    """Return values of grey masks and of coloured ones as colours."""
    found: dict[Key, list[int]] = {}
    for key, pixels in counts.items():
        found.setdefault(as_colour(key), []).extend(pixels)
    return found


def as_colour(key: Key) -> Key:
    """Return a grey as the colour that it is.

    >>> as_colour((255,)), as_colour((1, 2, 3))
    ((255, 255, 255), (1, 2, 3))
    """
    return key * 3 if len(key) == 1 else key


def _given(text: str, counts: Mapping[Key, object], what: str) -> Key:
    for key in counts:
        if text.strip().lower() in (_text(key), _name(key)):
            return key
    raise UsageError(
        f"The {what} {text!r} is in no mask: the values are {_in_words(sorted(counts))}."
    )


def _name(key: Key) -> str:
    """Return what a class is called; a bare number would read as a label in ``dataset.json``."""
    return f"value {key[0]}" if len(key) == 1 else _COLOUR_NAMES.get(key, _text(key))


def _text(key: Key) -> str:
    return str(key[0]) if len(key) == 1 else "#" + "".join(f"{each:02x}" for each in key)


def _in_words(keys: Sequence[Key], most: int = 8) -> str:
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(map(_text, keys[:most])) + more
