"""How a flip affects classes that are named after a side of the body.

In a mirrored image, a left kidney is where a right one was. A network that sees flipped slices
with unchanged labels learns that left and right are the same. For organs whose two sides are
mirror images, a left-right flip exchanges the labels of the pair, so that the sides are
distinguished by position. If this would be wrong, or is uncertain, slices are not flipped: the left
ventricle of the heart differs from the right one by its wall, and the left lung has no middle lobe.
The same holds for classes named after a position along another axis, such as anterior and
posterior, because bodies are not symmetric along these axes.

Regions that are sides do not exchange labels, because nothing says which labels of the one become
which labels of the other: then slices are not flipped left to right.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from mbnas.data.augmentation.parameters import LEFT_RIGHT, AugmentationSettings
from mbnas.errors import ConfigurationError


def _words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LEFT = _words_of(
    "left l lt lh lhs sin sinister sinistra sinistrum sinistro links linke linker linkes gauche "
    "izquierdo izquierda esquerdo esquerda"
)
_RIGHT = _words_of(
    "right r rt rh rhs dex dext dexter dextra dextrum destro destra rechts rechte rechter rechtes "
    "droit droite derecho derecha direito direita"
)
_SIDE = dict.fromkeys(_LEFT, "left") | dict.fromkeys(_RIGHT, "right")
_AFFIXES = ("left", "right")
_NO_PREFIX = _words_of("leftover leftovers leftmost rightmost righteous")
_ALONG = {
    "posterior-anterior": _words_of("anterior posterior ant post ventral dorsal front back"),
    "inferior-superior": _words_of(
        "superior inferior sup inf upper lower cranial caudal top bottom"
    ),
}
_CARDIAC = _words_of("LV RV LA RA LVM RVM MLV MRV LVC RVC LVBP RVBP LVMYO LAA RAA LCA RCA LAD LCX")
"""Abbreviations of the heart's chambers and vessels."""
_NOT_MIRRORED = _words_of(
    "ventricle ventricular ventriculus atrium atria atrial appendage heart cardiac coronary "
    "circumflex bundle cusp myocardium pulmonary bronchus bronchi bronchial lingula liver hepatic "
    "portal colon colic flexure gastric gastroepiploic brachiocephalic innominate aorta aortic lobe"
)
"""Words of organs and vessels whose left and right are not mirror images."""
_MIRRORED = _words_of(
    "lateral lat cerebral cerebrum cerebellar cerebellum brain frontal temporal parietal occipital "
    "insular limbic thyroid prostate prostatic"
)
"""Words with which one of the above is a mirror image, such as a lateral ventricle."""
_REMEDY = (
    "To decide otherwise, set augmentation.flip_axes and augmentation.mirror_pairs, a list of the "
    "pairs of classes that a left-right flip exchanges."
)

_REMEDY_OF_REGIONS = (
    "To flip without swaps, set augmentation.mirror_pairs to [] and augmentation.flip_axes."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """How slices of a dataset are flipped.

    Attributes:
        axes: Anatomical axes across which half of the training slices are flipped.
        mirror_pairs: Pairs of names of the classes that a left-right flip exchanges.
        notices: What was decided and why, a sentence each; empty without a decision.
    """

    axes: tuple[str, ...]
    mirror_pairs: tuple[tuple[str, ...], ...] = ()
    notices: tuple[str, ...] = ()


def decide_flips(class_names: Sequence[str], axes: Sequence[str]) -> Flips:
    """Decide by the names of the classes how slices are flipped.

    >>> decide_flips(["left kidney", "liver", "right kidney"], ["left-right"]).mirror_pairs
    (('left kidney', 'right kidney'),)
    >>> decide_flips(["left atrium"], ["left-right"]).axes
    ()

    Args:
        class_names: Names of the foreground classes.
        axes: Requested anatomical axes of flips.
    """
    kept, pairs, notices = list(axes), tuple[tuple[str, ...], ...](), []
    for axis, words in _ALONG.items():
        named = [name for name in class_names if words & set(_lower_words(name))]
        if axis in kept and named:
            kept.remove(axis)
            notices.append(
                f"Slices are not flipped across the {axis} axis: the class {named[0]} is named "
                f"after a place along it. {_REMEDY}"
            )
    if LEFT_RIGHT in kept:
        pairs, doubt = _mirror_pairs(class_names)
        if doubt is not None:
            kept.remove(LEFT_RIGHT)
            notices.append(f"Slices are not flipped left to right: {doubt}. {_REMEDY}")
        elif pairs:
            named_pairs = "; ".join(f"{left} and {right}" for left, right in pairs)
            notices.append(f"Left-right flips swap the labels of {named_pairs}.")
    return Flips(axes=tuple(kept), mirror_pairs=pairs, notices=tuple(notices))


def resolve_flips(
    settings: AugmentationSettings, class_names: Sequence[str], *, has_regions: bool = False
) -> tuple[AugmentationSettings, tuple[str, ...]]:
    """Return settings with decided flips, and the notices about the decision.

    Settings that give the pairs, or an empty list of them, are unchanged.

    Args:
        settings: As requested, or as resolved before.
        class_names: Names of the foreground classes, or of the regions.
        has_regions: Whether they are regions.

    Raises:
        ConfigurationError: if a pair names a class that does not exist or is not unique, or a
            region.
    """
    flips = flips_of(settings, class_names, has_regions=has_regions)
    decided = replace(settings, flip_axes=flips.axes, mirror_pairs=flips.mirror_pairs)
    return decided, flips.notices


def flips_of(
    settings: AugmentationSettings, class_names: Sequence[str], *, has_regions: bool = False
) -> Flips:
    """Return how slices are flipped: by the settings, or by the names of the classes.

    Raises:
        ConfigurationError: if a pair names a class that does not exist or is not unique, or a
            region.
    """
    if settings.mirror_pairs is None:
        flips = decide_flips(class_names, settings.flip_axes)
        return _without_swaps(flips) if has_regions else flips
    if settings.mirror_pairs and has_regions:
        raise ConfigurationError(
            f"augmentation.mirror_pairs (={list(map(list, settings.mirror_pairs))}) swaps labels "
            "of classes, and this dataset has regions: set it to [], and leave left-right out of "
            "augmentation.flip_axes."
        )
    mirrored_classes(settings.mirror_pairs, class_names)
    return Flips(axes=settings.flip_axes, mirror_pairs=settings.mirror_pairs)


def _without_swaps(flips: Flips) -> Flips:
    """Return how slices are flipped if no labels can be swapped."""
    if not flips.mirror_pairs:
        return flips
    left, right = flips.mirror_pairs[0]
    notice = (
        f"Slices are not flipped left to right: the regions {left} and {right} are sides of the "
        f"body, and labels of regions are not swapped. {_REMEDY_OF_REGIONS}"
    )
    return Flips(
        axes=tuple(axis for axis in flips.axes if axis != LEFT_RIGHT),
        notices=(*flips.notices[:-1], notice),  # the last was about the swaps
    )


def mirrored_classes(
    pairs: Sequence[Sequence[str]] | None, class_names: Sequence[str]
) -> tuple[int, ...]:
    """Return the class index that the background and each class becomes in a left-right flip.

    Empty where no class changes places.

    >>> mirrored_classes([("left", "right")], ["left", "spine", "right"])
    (0, 3, 2, 1)

    Args:
        pairs: Names of the exchanged classes; ``None`` for none.
        class_names: Names of the foreground classes.

    Raises:
        ConfigurationError: if a pair names a class that does not exist or is not unique.
    """
    if not pairs:
        return ()
    mirrored = list(range(1 + len(class_names)))
    for pair in pairs:
        for name in pair:
            if (number := list(class_names).count(name)) != 1:
                there = (
                    "there is no such class" if not number else f"{number} classes are called so"
                )
                raise ConfigurationError(
                    f"augmentation.mirror_pairs names {name!r}, but {there}. The classes are "
                    f"{', '.join(class_names)}."
                )
        left, right = (1 + list(class_names).index(name) for name in pair)
        mirrored[left], mirrored[right] = right, left
    return tuple(mirrored)


@dataclass(frozen=True, slots=True)
class _Lateral:
    """A name that includes a side: the side, and its other words."""

    side: str
    rest: tuple[str, ...]


def _mirror_pairs(
    names: Sequence[str],
) -> tuple[tuple[tuple[str, ...], ...], str | None]:
    """Return the pairs of names that are mirror images, or no pairs and the reason."""
    lateral = dict(_lateral_names(names))
    for name in names:
        if _is_cardiac(name) or (name in lateral and not _is_mirrored(lateral[name].rest)):
            return (), (
                f"the class {name} is a side of an organ whose two sides are not mirror images of "
                "each other"
            )
    for one, other in combinations([name for name in names if name not in lateral], 2):
        if _may_be_sides(one, other):
            return (), f"the classes {one} and {other} may be two sides of the body"
    places = Counter(lateral[name] for name in names if name in lateral)
    pairs = []
    for name in names:
        if name not in lateral:
            continue
        found = lateral[name]
        opposite = _Lateral("right" if found.side == "left" else "left", found.rest)
        if places[found] != 1 or places[opposite] != 1:
            return (
                (),
                f"the class {name} names a side, and not exactly one class is the other side",
            )
        if found.side == "left":
            pairs.append((name, next(each for each in lateral if lateral[each] == opposite)))
    return tuple(pairs), None


def _lateral_names(names: Sequence[str]) -> Iterator[tuple[str, _Lateral]]:
    """Yield the names with a side: as a word, or as part of a word if the other side exists."""
    within: dict[_Lateral, str] = {}
    for name in names:
        words = _lower_words(name)
        sides = {
            place: _SIDE[word] for place, word in enumerate(words) if _names_a_side(words, place)
        }
        if len(set(sides.values())) == 1:
            rest = tuple(word for place, word in enumerate(words) if place not in sides)
            yield name, _Lateral(next(iter(sides.values())), rest)
        elif not sides:
            for place, word in enumerate(words):
                for affix in _AFFIXES:
                    if word.startswith(affix) and word not in _NO_PREFIX and len(word) > len(affix):
                        inner = word.removeprefix(affix)
                        yield name, _Lateral(affix, (*words[:place], inner, *words[place + 1 :]))
                    elif word.endswith(affix):
                        inner = word.removesuffix(affix)
                        rest = (*words[:place], inner, *words[place + 1 :])
                        within[_Lateral(affix, rest)] = name
    for found, name in within.items():  # "cleft" and "bright" are not sides
        if _Lateral("right" if found.side == "left" else "left", found.rest) in within:
            yield name, found


def _names_a_side(words: Sequence[str], place: int) -> bool:
    """Return whether a word is a side; L and R before a number are vertebrae and the like."""
    word = words[place]
    before_number = place + 1 < len(words) and words[place + 1].isdigit()
    return word in _SIDE and not (len(word) == 1 and before_number)


def _is_cardiac(name: str) -> bool:
    words = _words(name)
    return any(word in _CARDIAC or (len(words) == 1 and word.upper() in _CARDIAC) for word in words)


def _is_mirrored(rest: Sequence[str]) -> bool:
    singular = {word.removesuffix("s") for word in rest} | set(rest)
    return not singular & _NOT_MIRRORED or bool(singular & _MIRRORED)


def _may_be_sides(one: str, other: str) -> bool:
    """Return whether two names differ in one word, by an L and an R at its start or end."""
    words = list(zip(_lower_words(one), _lower_words(other), strict=False))
    if len(_lower_words(one)) != len(_lower_words(other)):
        return False
    differing = [{first, second} for first, second in words if first != second]
    if len(differing) != 1:
        return False
    first, second = sorted(differing[0])
    return (first[0] == "l" and second == f"r{first[1:]}") or (
        first[-1] == "l" and second == f"{first[:-1]}r"
    )


def _lower_words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _words(name))


def _words(name: str) -> tuple[str, ...]:
    """Return the words of a name, also of one in camel case.

    >>> _words("Left-Lateral_ventricle (old)"), _words("KidneyL"), _words("vertebra_L1")
    (('Left', 'Lateral', 'ventricle', 'old'), ('Kidney', 'L'), ('vertebra', 'L1'))
    """
    parts = re.findall(r"[^\W_]+(?:['’][^\W_]+)*", name)
    return tuple(
        word
        for part in parts
        for word in re.split(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", part)
    )
