"""A network's parameters and buffers in a file of tensors, without code."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from mbnas.errors import ModelError
from mbnas.machine.files import write_bytes


def save_weights(network: nn.Module, path: Path) -> None:
    """Write a network's parameters and buffers as safetensors, atomically.

    Raises:
        WriteError: if there is no disk space.
    """
    tensors = {
        name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()
    }
    write_bytes(path, save(tensors, {"format": "pt"}))


def load_weights(network: nn.Module, path: Path) -> None:
    """Load the weights in a file into a network.

    Raises:
        ModelError: if the file holds no weights, or those of another network.
    """
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path} holds no readable weights: {error}.") from error
    expected = network.state_dict()
    for name, tensor in expected.items():
        found = tensors.get(name)
        if found is None or found.shape != tensor.shape or found.dtype != tensor.dtype:
            raise ModelError(
                f"{path} holds the weights of another network: {name} is {_described(found)} "
                f"there and {_described(tensor)} here."
            )
    if unexpected := sorted(tensors.keys() - expected.keys()):
        raise ModelError(
            f"{path} holds the weights of another network: this one has no {unexpected[0]}."
        )
    network.load_state_dict(tensors)


def _described(tensor: Tensor | None) -> str:
    return "absent" if tensor is None else f"{str(tensor.dtype)[6:]} {tuple(tensor.shape)}"
