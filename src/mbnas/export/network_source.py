"""``network.py``: a model's network as readable Python that needs only torch.

Its parameters have the same names as in mbnas, so the same weights files fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mbnas.errors import ModelError
from mbnas.escaping import in_source
from mbnas.export.source_text import definition, definitions
from mbnas.network.architecture import LibraryNetwork, title_of
from mbnas.network.blocks import (
    BLOCKS,
    STEM_KERNEL,
    STEMMED,
    attention,
    convnext,
    convolution,
    dense,
    image_extent,
    inception,
    mbconv,
    pixel_perceptron,
    residual,
    se_residual,
    squeeze_excitation,
    vgg,
    windows,
)
from mbnas.network.blocks.image_extent import ExtentBlock
from mbnas.network.operations.padding import pad_to_multiple
from mbnas.prediction.model.model_card import NOTICE, ModelCard
from mbnas.space.genotype import Genotype
from mbnas.version import __version__

_SOURCES = (
    convolution,
    image_extent,
    squeeze_excitation,
    pixel_perceptron,
    windows,
    vgg,
    residual,
    dense,
    inception,
    convnext,
    se_residual,
    mbconv,
    attention,
)
"""Modules of the blocks, each after those that it imports."""


def network_source(card: ModelCard, *, imports: Sequence[str] = (), ending: str) -> str:
    """Return the source of a module that defines ``Network``, which takes no arguments.

    It needs torch, and for a network of segmentation_models_pytorch also that library, as its
    docstring says.

    Args:
        card: The model's card.
        imports: Import lines that ``ending`` needs besides ``torch``, ``Tensor`` and ``nn``.
        ending: Source that follows the network's.

    Raises:
        ModelError: if the network's source may not be copied.
    """
    architecture = card.architecture
    match architecture:
        case Genotype():
            needs, parts = "only torch", _genotype_parts(architecture, card)
            imports = [*imports, "", "import torch"]
        case LibraryNetwork():
            needs = "torch and segmentation_models_pytorch"
            parts = _library_parts(architecture, card)
            imports = [*imports, "", "import segmentation_models_pytorch as smp", "import torch"]
        case _:
            raise ModelError(
                f"{architecture} is a module of its author's, whose source is not copied."
            )
    docstring = f'''"""{title_of(architecture)}, trained by mbnas {__version__}. It needs {needs}.

{architecture}

{NOTICE}
"""'''
    head = [docstring, "", "from __future__ import annotations", "", *imports]
    head += ["from torch import Tensor, nn", "from torch.nn import functional"]
    return "\n\n\n".join(["\n".join(head), *parts, ending.strip()]) + "\n"


def _genotype_parts(genotype: Genotype, card: ModelCard) -> list[str]:
    if foreign := [node.block for node in genotype.nodes if node.block not in BLOCKS]:
        raise ModelError(
            f"The block {foreign[0]} is of another package, whose source is not copied."
        )
    parts = [definition(pad_to_multiple), _genotype_class(genotype, card)]
    for module in reversed(_SOURCES):
        parts.insert(0, definitions(module, needed_by="\n".join(parts)))
    return [each for each in parts if each]


def _genotype_class(genotype: Genotype, card: ModelCard) -> str:
    """Return the class that lists the cells one by one, and how the maps run through them."""
    cells, steps = [], []
    channels = [card.base_channels * 2**node.level for node in genotype.nodes]
    for number, node in enumerate(genotype.nodes, start=1):
        before = genotype.level_before(number)
        arriving = card.interface.in_channels if number == 1 else channels[number - 2]
        arriving += channels[node.skip - 1] if node.skip else 0
        leaving, stem = channels[number - 1], ""
        if number == 1 and node.block in STEMMED:
            stem, arriving = f"convolution({arriving}, {leaving}, {STEM_KERNEL}), ", leaving
        expansion = "" if node.expansion is None else f", expansion={node.expansion}"
        sizes = f"{arriving}, {leaving}, {node.kernel}{expansion}"
        block = f"{stem}{BLOCKS[node.block].__name__}({sizes})"
        cells.append(f"            # {number}: {_level_text(node.level, before)}")
        came = "padded" if number == 1 else f"maps{number - 1}"
        came = f"torch.cat([{came}, maps{node.skip}], dim=1)" if node.skip else came
        sequential = "nn.Sequential"
        if _takes_extent(node.block):
            sequential = "ExtentSequential"
            came += f", extent_at({genotype.computing_level(number)}, (height, width))"
        cells.append(f"            {sequential}({_layers(block, node.level - before)}),")
        steps.append(f"        maps{number} = self.cells[{number - 1}]({came})")
    last, names = len(genotype.nodes), ", ".join(in_source(each.name) for each in card.classes)
    output, outputs = "class", f"Classes: background, {names}"
    if card.labels.has_regions:
        output, outputs = "region", f"Regions, each with a sigmoid of its own: {names}"
    return f'''class Network(nn.Module):
    """{genotype}.

    Takes images of any height and width and gives raw logits of every {output} at every pixel.

    Channels: {", ".join(map(in_source, card.input_channels))}.
    {outputs}.
    """

    def __init__(self) -> None:
        super().__init__()
        cells = [
{chr(10).join(cells)}
        ]
        self.cells = nn.ModuleList(cells)
        self.head = nn.Conv2d({channels[-1]}, {card.interface.num_classes}, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of every {output} at every pixel."""
        height, width = images.shape[-2:]
        padded = pad_to_multiple(images, {2 ** (genotype.num_levels - 1)})
{chr(10).join(steps)}
        logits = self.head(maps{last})
        if logits.shape[-2:] != padded.shape[-2:]:
            logits = functional.interpolate(
                logits, size=padded.shape[-2:], mode="bilinear", align_corners=False
            )
        return logits[..., :height, :width]'''


def _takes_extent(block: str) -> bool:
    made = BLOCKS[block]
    return isinstance(made, type) and issubclass(made, ExtentBlock)


def _layers(block: str, rise: int) -> str:
    if rise > 0:
        return f"nn.MaxPool2d(2), {block}"
    if rise < 0:
        return f'{block}, nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)'
    return block


def _level_text(level: int, before: int) -> str:
    scale = "full size" if level == 0 else f"1/{2**level}"
    move = "down to " if level > before else "up to " if level < before else ""
    return f"{move}level {level}, {scale}"


def _library_parts(network: LibraryNetwork, card: ModelCard) -> list[str]:
    from mbnas.network.others.library_network import (
        build_library_network,  # which takes seconds to import
    )

    built = build_library_network(replace(network, weights=None), card.interface)
    return [
        definition(pad_to_multiple),
        f'''class Network(nn.Module):
    """{network} for images of any height and width; gives raw logits."""

    def __init__(self) -> None:
        super().__init__()
        self.network = smp.{network.design}(
            encoder_name="{network.encoder}",
            encoder_weights=None,
            in_channels={card.interface.in_channels},
            classes={card.interface.num_classes},
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of every {"region" if card.labels.has_regions else "class"}."""
        height, width = images.shape[-2:]
        logits = self.network(pad_to_multiple(images, {built.multiple}))
        return logits[..., :height, :width]''',
    ]
