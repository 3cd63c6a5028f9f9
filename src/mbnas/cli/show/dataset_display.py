"""The output of ``mbnas dataset``: what two folders of pictures, or of DICOM files, hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from mbnas.cli.show.messages import warn
from mbnas.cli.show.printing import console
from mbnas.cli.terminal import table, words
from mbnas.data.assembly.file_pairs import several_masks
from mbnas.data.assembly.mask_classes import MaskClass, value_text
from mbnas.data.assembly.picture_folders import FoundPictures
from mbnas.data.assembly.series_references import FoundReferences
from mbnas.data.assembly.write_pictures import dataset_facts
from mbnas.data.datasets.case_rules import listed
from mbnas.data.datasets.patients import suggested_pattern, suspicious_groups
from mbnas.data.images.file_names import passed_over_sentences
from mbnas.wording import counted


def print_found(found: FoundPictures) -> None:
    """Print pictures, channels, classes and patients, and what to look at."""
    out = console()
    for line in _facts(found):
        out.print(words(line))
    out.print()
    out.print_table(_classes(found))
    for line in concerns(found):
        warn(line)


def _facts(found: FoundPictures) -> Iterator[str]:
    pairing = found.pairing
    num_pictures = len(pairing.pairs)
    yield f"{counted(num_pictures, 'picture')} with masks: {pairing.rule}."
    sizes = found.sizes
    (first, count), *_ = sizes.most_common(1)
    yield (
        f"All have {first[0]}×{first[1]} pixels, width by height."
        if len(sizes) == 1
        else f"They have {len(sizes)} sizes, most often {first[0]}×{first[1]} pixels ({count})."
    )
    yield f"Channels: {', '.join(found.channels)}; each is normalised by itself."
    if found.num_as_grey:
        yield (
            f"{counted(found.num_as_grey, 'picture')} in colours with three equal channels: one is "
            "kept."
        )
    if found.num_as_colours:
        yield f"{counted(found.num_as_colours, 'grey picture')}: three equal channels are written."
    if found.num_soft:
        yield (
            f"{counted(found.num_soft, 'mask')} with values only near 0 and 255, from soft edges "
            "or JPEG: 128 and more is 255."
        )
    if found.classes.as_seen:
        yield "Palettes of masks differ: classes are their colours, not their numbers."
    if found.patients is None:
        yield "Patients: every picture is its own patient."
    else:
        yield f"Patients: {len(set(found.patients.values()))}, by the pattern."


def _classes(found: FoundPictures) -> Any:
    shown = table("Label", "Class", "In masks", "Masks", "Pixels", words_in=(1, 2))
    total = sum(width * height for width, height in (each.size for each in found.contents))
    classes = found.classes
    num_foreground = 0
    rows: list[tuple[str, ...]] = []
    for each in (*classes.classes, *((classes.ignored,) if classes.ignored else ())):
        num_foreground += each.num_pixels
        rows.append(_row(each, total))
    share = f"{(total - num_foreground) / total:.1%}"
    shown.add_row("0", "background", value_text(classes.background), "", share)
    for row in rows:
        shown.add_row(*row)
    return shown


def _row(each: MaskClass, total: int) -> tuple[str, ...]:
    share = f"{each.num_pixels / total:.1%}"
    return str(each.label), each.name, value_text(each.key), str(each.num_masks), share


def concerns(found: FoundPictures) -> tuple[str, ...]:
    """Return what a user should look at, a sentence each."""
    pairing = found.pairing
    lines = []
    several = several_masks(pairing)
    if several:
        case, names = next(iter(several.items()))
        lines.append(
            f"{counted(len(several), 'picture')} may have further masks, such as {names[0]} of "
            f"{case}, which are not used. Move them to a folder of their own if they are another "
            "observer's or class's."
        )
    if pairing.without_mask:
        lines.append(
            f"{counted(len(pairing.without_mask), 'image')} without a mask: "
            f"{listed(pairing.without_mask)}."
        )
    others = [
        name for name in pairing.without_image if not any(name in n for n in several.values())
    ]
    if others:
        lines.append(f"{counted(len(others), 'mask')} without an image: {listed(others)}.")
    if found.empty:
        lines.append(
            f"{counted(len(found.empty), 'mask')} without any class: {listed(found.empty)}. A "
            "search refuses such pictures: leave them out, or give mbnas check and mbnas search "
            "--set data.allow_empty_cases=true."
        )
    cases = [each.case for each in pairing.pairs]
    groups = suspicious_groups(cases) if found.patients is None else ()
    if groups:
        pattern = suggested_pattern(cases)
        lines.append(
            f"{', '.join(groups[0][:3])} look like one patient's pictures. If they are, add "
            + (f"--patient-pattern '{pattern}'." if pattern else "--patient-pattern.")
        )
    return (*lines, *passed_over_sentences(found.passed_over))


def found_as_json(found: FoundPictures) -> dict[str, Any]:
    """Return what was found, with stable keys."""
    classes = found.classes
    return {
        "pairs": [asdict(each) for each in found.pairing.pairs],
        "rule": found.pairing.rule,
        "without_mask": list(found.pairing.without_mask),
        "without_image": list(found.pairing.without_image),
        "passed_over": [asdict(each) for each in found.passed_over],
        "sizes": [
            {"width": width, "height": height, "pictures": count}
            for (width, height), count in found.sizes.most_common()
        ],
        "background": value_text(classes.background),
        "classes": [_class_json(each) for each in classes.classes],
        "ignored": None if classes.ignored is None else _class_json(classes.ignored),
        "patients": found.patients,
        "soft_masks": found.num_soft,
        "concerns": list(concerns(found)),
        "dataset": dataset_facts(found, found.images.resolve().parent.name),
    }


def _class_json(each: MaskClass) -> dict[str, Any]:
    return {
        "label": each.label,
        "name": each.name,
        "value": value_text(each.key),
        "masks": each.num_masks,
        "pixels": each.num_pixels,
    }


def print_references(found: FoundReferences) -> None:
    """Print series, classes and patients, and what to look at."""
    out = console()
    out.print(words(f"{len(found.pairs)} series with references. Channel: {found.channel}."))
    if found.patients is None:
        out.print("Patients: every series is its own patient.")
    else:
        out.print(words(f"Patients: {len(set(found.patients.values()))}."))
    out.print()
    shown = table("Label", "Class", "Series", "Voxels", words_in=(1,))
    for number, name in enumerate(found.classes):
        voxels = [pair.voxels[number] for pair in found.pairs]
        num_series = sum(count > 0 for count in voxels)
        shown.add_row(str(number + 1), name, str(num_series), str(sum(voxels)))
    out.print_table(shown)
    for line in reference_concerns(found):
        warn(line)


def reference_concerns(found: FoundReferences) -> tuple[str, ...]:
    """Return what a user should look at, a sentence each."""
    lines = []
    if found.without_reference:
        lines.append(
            f"{len(found.without_reference)} series without a reference: "
            f"{listed(found.without_reference)}."
        )
    if found.without_series:
        files = [path.name for path in found.without_series]
        lines.append(f"{counted(len(files), 'reference')} of no series here: {listed(files)}.")
    return (*lines, *passed_over_sentences(found.passed_over))


def references_as_json(found: FoundReferences) -> dict[str, Any]:
    """Return what was found, with stable keys."""
    return {
        "series": [
            {
                "case": pair.series.name,
                "slices": len(pair.series.files),
                "references": [path.name for path in pair.references],
                "voxels": dict(zip(found.classes, pair.voxels, strict=True)),
            }
            for pair in found.pairs
        ],
        "classes": list(found.classes),
        "channel": found.channel,
        "patients": found.patients,
        "concerns": list(reference_concerns(found)),
    }
