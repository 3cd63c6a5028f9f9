"""A network's parameters and buffers in a file that holds tensors and nothing else."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from mbnas.errors import ModelError
from mbnas.machine.files import write_bytes


def save_weights(network: nn.Module, path: Path) -> None:
    """Write a network's parameters and buffers as safetensors, whole or not at all.

    Raises:
        WriteError: if there is no room.
    """
    tensors = {
        name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()
    }
    write_bytes(path, save(tensors, {"format": "pt"}))


def load_weights(network: nn.Module, path: Path) -> None:
    """Fill a network with the weights in a file.

    Raises:
        ModelError: if the file holds none, or those of another network.
    """
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path} holds no weights that can be read: {error}.") from error
    expected = network.state_dict()
    for name, tensor in expected.items():
        found = tensors.get(name)
        if found is None or found.shape != tensor.shape or found.dtype != tensor.dtype:
            raise ModelError(
                f"{path} holds the weights of another network: {name} is {_described(found)} "
                f"there and {_described(tensor)} here."
            )
    if strange := sorted(tensors.keys() - expected.keys()):
        raise ModelError(
            f"{path} holds the weights of another network: this one has no {strange[0]}."
        )
    network.load_state_dict(tensors)


def _described(tensor: Tensor | None) -> str:
    return "absent" if tensor is None else f"{str(tensor.dtype)[6:]} {tuple(tensor.shape)}"
