"""Pairs images with masks by their names.

Names agree where a mask is named like its image (``1.jpg``, ``1.png``), with the same text before
or after it in every name (``ISIC_1.jpg``, ``ISIC_1_segmentation.png``), or where both have a text
of their own around what they share (``img_01.png``, ``mask_01.png``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mbnas.data.images.file_names import without_suffix
from mbnas.errors import DatasetError

_MOST_TRIED = 40
_MOST_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePair:
    """An image and its mask, as names in their folders.

    Attributes:
        case: Name of the image without suffix.
        image: Name of the image.
        mask: Name of the mask.
    """

    case: str
    image: str
    mask: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePairs:
    """The pairs in two folders.

    Attributes:
        pairs: Sorted by case.
        rule: How names agree, as the end of a sentence.
        without_mask: Images without a mask.
        without_image: Masks without an image.
    """

    pairs: tuple[FilePair, ...]
    rule: str
    without_mask: tuple[str, ...]
    without_image: tuple[str, ...]


def pair_files(images: Sequence[str], masks: Sequence[str]) -> FilePairs:
    """Return the pairs of two folders, by the rule that pairs most names.

    >>> found = pair_files(["a_1.jpg", "a_2.jpg"], ["a_1_mask.png", "a_2_mask.png", "b.png"])
    >>> [each.mask for each in found.pairs], found.rule, found.without_image
    (['a_1_mask.png', 'a_2_mask.png'], 'masks are named NAME_mask', ('b.png',))

    Args:
        images: Names of the images.
        masks: Names of the masks.

    Raises:
        DatasetError: if no names agree, or a name has several images or masks.
    """
    image_of, mask_of = _by_stem(images, "image"), _by_stem(masks, "mask")
    rules = [
        _by_affixes(image_of, mask_of, ("", "")),
        _by_affixes(image_of, mask_of, _common_affixes(image_of, mask_of)),
        _by_rest(image_of, mask_of),
    ]
    rule, stems = max(rules, key=lambda each: len(each[1]))
    if not stems:
        raise DatasetError(
            f"No mask has the name of an image: images are named {_shown(images)}, masks "
            f"{_shown(masks)}. Rename the masks like their images."
        )
    pairs = tuple(
        FilePair(case=image, image=image_of[image], mask=mask_of[mask])
        for image, mask in sorted(stems.items())
    )
    used = {each.image for each in pairs} | {each.mask for each in pairs}
    return FilePairs(
        pairs=pairs,
        rule=rule,
        without_mask=tuple(sorted(each for each in images if each not in used)),
        without_image=tuple(sorted(each for each in masks if each not in used)),
    )


def _by_stem(names: Iterable[str], what: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in sorted(names):
        stem = without_suffix(name)
        if stem in found:
            raise DatasetError(
                f"{found[stem]} and {name} are two {what}s of one name. Move one away."
            )
        found[stem] = name
    return found


def _by_affixes(
    image_of: Mapping[str, str], mask_of: Mapping[str, str], affixes: tuple[str, str]
) -> tuple[str, dict[str, str]]:
    """Return pairs of an image and the mask of its name with a text before and after it."""
    before, after = affixes
    rule = f"masks are named {before}NAME{after}" if before or after else "masks have their names"
    masks = {image: f"{before}{image}{after}" for image in image_of}
    return rule, {image: mask for image, mask in masks.items() if mask in mask_of}


def _common_affixes(image_of: Mapping[str, str], mask_of: Mapping[str, str]) -> tuple[str, str]:
    """Return the texts before and after an image's name that most masks of a sample have."""
    stems = sorted(image_of)
    sample = stems[:: max(1, len(stems) // _MOST_TRIED)]
    counts: Counter[tuple[str, str]] = Counter()
    for image in sample:
        for mask in mask_of:
            before, found, after = mask.partition(image)
            if found:
                counts[before, after] += 1
    # of equally frequent ones the shortest, and then the first in the alphabet
    return min(counts, key=lambda each: (-counts[each], len("".join(each)), each), default=("", ""))


def _by_rest(image_of: Mapping[str, str], mask_of: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return pairs whose names agree but for the texts that all images, and all masks, share."""
    around_images, around_masks = _shared(image_of), _shared(mask_of)
    masks = {_rest(mask, around_masks): mask for mask in mask_of}
    rests = {image: _rest(image, around_images) for image in image_of}
    texts = [f"{before}NAME{after}" for before, after in (around_images, around_masks)]
    rule = f"images are named {texts[0]} and masks {texts[1]}"
    return rule, {image: masks[rest] for image, rest in rests.items() if rest and rest in masks}


def _shared(stems: Iterable[str]) -> tuple[str, str]:
    """Return the start and the end that all names share, without digits of a number.

    >>> _shared(["img_01_a", "img_02_a"])
    ('img_', '_a')
    """
    names = list(stems)
    before = _shared_start(names).rstrip("0123456789")
    backwards = _shared_start([name[len(before) :][::-1] for name in names])
    return before, backwards.rstrip("0123456789")[::-1]


def _shared_start(names: Sequence[str]) -> str:
    first, last = min(names), max(names)  # what these two share, all share
    letters = zip(first, last, strict=False)
    differing = (place for place, (one, other) in enumerate(letters) if one != other)
    return first[: next(differing, min(len(first), len(last)))]


def _rest(stem: str, around: tuple[str, str]) -> str:
    before, after = around
    return stem[len(before) : len(stem) - len(after)]


def _shown(names: Sequence[str]) -> str:
    return ", ".join(sorted(names)[:_MOST_SHOWN])


def several_masks(pairs: FilePairs) -> dict[str, list[str]]:
    """Return further masks that begin with the name of a case, which are not used."""
    cases = {each.case for each in pairs.pairs}
    found: dict[str, list[str]] = defaultdict(list)
    for name in pairs.without_image:
        stem = without_suffix(name)
        while stem and stem not in cases:
            stem = stem[:-1]
        if stem:
            found[stem].append(name)
    return dict(found)
