"""The members of the exported model, as torch networks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torch import nn

from mbnas.errors import ModelError
from mbnas.prediction.model.model_card import Member, ModelCard, read_card
from mbnas.prediction.model.torch_members import load_network


def exportable_card(model: Path) -> ModelCard:
    """Return the card of a model that has weights to export.

    Raises:
        ModelError: if there is no model, or it is an export to ONNX.
    """
    card = read_card(model)
    if card.format == "onnx":
        raise ModelError(
            f"{model} is an export to ONNX, which holds no weights for torch: export the model "
            "that it was made from."
        )
    return card


def exported_members(
    model: Path, card: ModelCard, *, trust_modules: bool
) -> Iterator[tuple[Member, str, nn.Module]]:
    """Yield each member, the name of its export without a suffix, and its network.

    Raises:
        ModelError: as :func:`mbnas.prediction.model.torch_members.load_network`.
    """
    for member in card.members:
        network = load_network(model, card, member, trust_modules=trust_modules)
        yield member, Path(member.file).stem, network
