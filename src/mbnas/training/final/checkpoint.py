"""The state of a final training in one file of tensors, from which a process can continue it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mbnas.errors import ModelError
from mbnas.machine.files import write_bytes
from mbnas.training.training_record import EpochRecord

_NETWORK, _OPTIMISER = "network.", "optimiser."


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A training between two epochs.

    Attributes:
        training: Name of the training, so that no other training uses it.
        epochs: The epochs so far.
        network: Parameters and buffers, by name.
        optimiser: The optimiser's state, by name.
    """

    training: str
    epochs: tuple[EpochRecord, ...]
    network: Mapping[str, Tensor]
    optimiser: Mapping[str, Tensor]

    def write(self, path: Path) -> None:
        """Write the file atomically, in place of an earlier one.

        Raises:
            WriteError: if there is no disk space.
        """
        tensors = {
            prefix + name: tensor.detach().cpu().contiguous()
            for prefix, named in ((_NETWORK, self.network), (_OPTIMISER, self.optimiser))
            for name, tensor in named.items()
        }
        epochs = json.dumps([asdict(epoch) for epoch in self.epochs])
        write_bytes(path, save(tensors, {"training": self.training, "epochs": epochs}))

    @classmethod
    def read(cls, path: Path, training: str) -> Checkpoint | None:
        """Return the checkpoint of a training, ``None`` if there is no file yet.

        Raises:
            ModelError: if the file is damaged or of another training.
        """
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                facts = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            epochs = tuple(map(_epoch, json.loads(facts["epochs"])))
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{path} is not a readable checkpoint ({error}): remove it, and its training "
                "starts again."
            ) from error
        if facts.get("training") != training:
            raise ModelError(
                f"{path} is of another training: remove it, or train under another --name."
            )
        return cls(
            training=training,
            epochs=epochs,
            network=_named(tensors, _NETWORK),
            optimiser=_named(tensors, _OPTIMISER),
        )


def _named(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _epoch(fields: Mapping[str, Any]) -> EpochRecord:
    dice = fields["class_dice"]
    return EpochRecord(**{**fields, "class_dice": None if dice is None else tuple(dice)})
