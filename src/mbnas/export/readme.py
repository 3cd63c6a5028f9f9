"""The README of an export: input and output, preparation, and how to use it."""

from __future__ import annotations

from pathlib import Path

from mbnas.data.datasets.normalisation import ChannelNormalisation
from mbnas.data.images.geometry import ANATOMICAL_AXES
from mbnas.data.slices.neighbours import num_seen
from mbnas.escaping import in_markdown
from mbnas.network.architecture import title_of
from mbnas.prediction.model.model_card import ModelCard
from mbnas.version import __version__

_STEPS: dict[str, str] = {
    "zscore": "subtract the mean of the volume and divide by its standard deviation (over n, not "
    "n − 1); a constant channel becomes 0.",
    "noNorm": "leave it as it is.",
    "rescale_to_0_1": "subtract the smallest value of the volume and divide by the difference of "
    "the largest and the smallest; a constant channel becomes 0.",
    "rgb_to_0_1": "divide by 255; values are from 0 to 255.",
}

_LABEL_MAP = """\
To get a label map: softmax over the classes; the mean over the members; the slice cut out of the
square and each class scaled to the slice's original shape by the same interpolation; the class with
the highest value; its value from the table; and the axes as they were in the file."""
_LABEL_MAP_OF_REGIONS = """\
To get a label map: the sigmoid of each region; the mean over the members; the slice cut out of the
square and each region scaled to the slice's original shape by the same interpolation; 0 everywhere;
then region after region, in the order of the table, its value where its probability is above 0.5,
over the values before; and the axes as they were in the file."""


def readme(card: ModelCard, use: str) -> str:
    """Return the README of an export.

    Args:
        card: The model's card.
        use: How this format is used, in Markdown.
    """
    return f"""# {title_of(card.architecture)}, trained on {in_markdown(card.dataset)}

{card.notice}

Exported by mbnas {__version__}. The network is `{card.network}`; the model has
{_count(len(card.members), "one member", "{} members, trained on different patients")}.

## Input and output

Input: float32 images `[batch, {card.interface.in_channels}, height, width]` of any height and
width, prepared as below. Channels, in this order: {_channels(card)}.

Output: raw logits `[batch, {card.interface.num_classes}, height, width]`.

{_outputs(card)}

## Preparation

{_orientation(card)}
2. Normalise each channel, in double precision:
{_normalisation(card)}
3. Cut slices across axis {card.slice_axis} ({ANATOMICAL_AXES[card.slice_axis]}). A slice's rows
   run along the lower of the two remaining axes, its columns along the higher.
{_of_whole_slices(card) if card.patch_size is None else _of_patches(card, card.patch_size)}

## Use

{use}"""


def _orientation(card: ModelCard) -> str:
    """Return how an image is oriented."""
    if card.unit == "pixels":
        return """\
1. Orient the picture as a slice with the axes x from right to left, y from below to above, and one
   pixel along z: its pixel in row r and column c, of height and width, is at x = width - 1 - c and
   y = height - 1 - r."""
    return """\
1. Reorient the volume to canonical orientation (RAS+): axes run to the right, to anterior and to
   superior."""


def _of_whole_slices(card: ModelCard) -> str:
    """Return how slices are fitted into a square, and how a label map is made."""
    side = card.slice_size
    unit = "millimetres" if card.unit == "mm" else "pixels"
    return f"""\
4. Scale each slice so that its larger side in {unit} is {side} pixels long and its
   aspect ratio in {unit} is kept, sides rounded to whole pixels, by antialiased bilinear
   interpolation (Pillow: `Image.resize(size, BILINEAR)` of a float image). Put it in the middle
   of {side}×{side} zeros, or half a pixel above and to the left of it.
{_neighbours(card)}
{_label_map(card)}"""


def _of_patches(card: ModelCard, side: int) -> str:
    """Return how slices are predicted by tiles, and how a label map is made."""
    rows, columns = (mm for axis, mm in enumerate(card.spacing_mm) if axis != card.slice_axis)
    return f"""\
4. Where rows are not {rows:g} apart, or columns not {columns:g}, scale the slice so that they are,
   sides rounded to whole pixels, by antialiased bilinear interpolation (Pillow:
   `Image.resize(size, BILINEAR)` of a float image). Along a side of fewer than {side} pixels, put
   it in the middle of {side} zeros, or half a pixel before it.
{_neighbours(card)}{6 if card.context else 5}. Cut it into tiles of {side}×{side} that start every
   {max(1, side // 2)} pixels; the last one along each side is moved inside. The probabilities of a
   pixel are the mean over its tiles, weighted by a Gaussian around the tile's centre with a
   standard deviation of {side / 8:g} pixels and at least 0.001 of its largest value (MONAI:
   `sliding_window_inference(..., overlap=0.5, mode="gaussian")`, of probabilities, not of logits).

{_label_map(card).replace("square", "padding")}"""


def onnx_use(card: ModelCard) -> str:
    """Return how to use an export to ONNX."""
    return f"""```python
import onnxruntime

session = onnxruntime.InferenceSession("{Path(card.members[0].file).stem}.onnx")
logits = session.run(None, {{"images": images}})[0]
```

The weights are inside the files. `model.json` contains all of the above for programs, with the
SHA-256 of every file. mbnas can also use this folder as a model, without torch:

    mbnas predict --onnx THIS_FOLDER INPUT OUTPUT
"""


def torch_use(card: ModelCard, why_no_source: str | None) -> str:
    """Return how to use an export to torch.

    Args:
        card: Of the model.
        why_no_source: Why there is no ``network.py``; ``None`` if it exists.
    """
    name = Path(card.members[0].file).stem
    source = (
        f"""`network.py` is the network's source, and `load` reads its weights from a file without
code:

```python
from network import load

logits = load("{name}.safetensors")(images)
```
"""
        if why_no_source is None
        else f"There is no `network.py` here: {why_no_source}\n"
    )
    return f"""A program needs no source:

```python
import torch

logits = torch.export.load("{name}.pt2").module()(images)
```

{source}
Both take any batch, height and width, and compute in float32. `model.json` contains all of the
above for programs, with the SHA-256 of the weights. mbnas can also use this folder as a model.
"""


def monai_use(card: ModelCard) -> str:
    """Return how to use a MONAI bundle."""
    several = (
        ""
        if len(card.channels) == 1 or card.unit == "pixels"
        else """
An image is one 4D file with the channels last, or a list of 3D files, one for each channel:
`--image "['first.nii.gz', 'second.nii.gz']"`.
"""
    )
    return f"""It needs torch, numpy, Pillow, nibabel, tifffile, MONAI and fire, not mbnas. In this
folder:

    python -m monai.bundle run --config_file configs/inference.json --image IMAGE --output_dir DIR

`DIR` then contains the label map, with the image's name and grid. In another folder, add
`--bundle_root` and the path of this folder.
{several}
`models/model.pt` is the state of `scripts.network.Ensemble`, loaded as weights only. The scripts
are the source of mbnas, so the label map is the same as that of `mbnas predict`.
"""


def _channels(card: ModelCard) -> str:
    return ", ".join(map(in_markdown, card.input_channels))


def _neighbours(card: ModelCard) -> str:
    """Return the step that puts neighbouring slices together, empty if there are none."""
    if not card.context:
        return ""
    context, distance_mm = card.context, card.spacing_mm[card.slice_axis]
    return f"""5. Put together the channels of {num_seen(context)} slices, from {context} before a
   slice to {context} after it, those of the first slice first. Where the volume ends, its
   outermost slice stands for those beyond. The output is that of the slice in the middle. In the
   training data, slices were {distance_mm:g} mm apart (median).
"""


def _outputs(card: ModelCard) -> str:
    """Return the table of what the outputs mean."""
    if card.labels.has_regions:
        heads = [
            "| output | region | labels in it | value in label maps |",
            "| --- | --- | --- | --- |",
        ]
        rows = [
            f"| {number} | {in_markdown(each.name)} | {', '.join(map(str, each.region))} "
            f"| {each.value} |"
            for number, each in enumerate(card.classes)
        ]
    else:
        heads = ["| class | name | value in label maps |", "| --- | --- | --- |"]
        rows = ["| 0 | background | 0 |"]
        rows += [
            f"| {number} | {in_markdown(each.name)} | {each.value} |"
            for number, each in enumerate(card.classes, start=1)
        ]
    return "\n".join([*heads, *rows])


def _label_map(card: ModelCard) -> str:
    """Return how outputs become a label map."""
    if card.labels.has_regions:
        return _LABEL_MAP_OF_REGIONS
    return _LABEL_MAP


def _normalisation(card: ModelCard) -> str:
    channels = zip(card.channels, card.normalisation, strict=True)
    return "\n".join(
        f"   - channel {number} ({in_markdown(channel)}): {_as_text(normalisation)}"
        for number, (channel, normalisation) in enumerate(channels)
    )


def _as_text(normalisation: ChannelNormalisation) -> str:
    if (ct := normalisation.foreground) is not None:
        return (
            f"clip to {ct.low!r} … {ct.high!r}, subtract {ct.mean!r} and divide by "
            f"{ct.deviation or 1.0!r}."
        )
    return _STEPS[normalisation.scheme]


def _count(number: int, one: str, many: str) -> str:
    return one if number == 1 else many.format(number)
