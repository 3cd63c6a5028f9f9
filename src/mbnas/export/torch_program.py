"""``--to torch``: programs for torch, and weights with readable source."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from torch.export import ExportedProgram

from mbnas.errors import ModelError
from mbnas.export import weights_reader
from mbnas.export.agreement import check_agreement
from mbnas.export.exported_members import exportable_card, exported_members
from mbnas.export.graph_program import export_program
from mbnas.export.network_source import network_source
from mbnas.export.readme import readme, torch_use
from mbnas.export.source_text import definitions
from mbnas.machine.files import write_bytes, write_text
from mbnas.machine.folders import exporting
from mbnas.prediction.model.model_card import ModelCard, write_card
from mbnas.prediction.model.runner import Run

_LOAD = '''def load(path: str | Path) -> Network:
    """Return the network with the weights in a safetensors file, ready to predict."""
    network = Network()
    network.load_state_dict(read_weights(path))
    return network.eval()'''


def export_torch(model: Path, out: Path, *, trust_modules: bool = False) -> tuple[str, ...]:
    """Write a model as torch programs, weights and source into a new folder.

    Returns:
        Notes for the user: why there is no source, if so.

    Raises:
        ModelError: if the model cannot be exported, or the export's logits differ.
        UsageError: if ``out`` exists and is not empty.
        WriteError: if it cannot be written.
    """
    card = exportable_card(model)
    with exporting(out) as folder:
        for member, name, network in exported_members(model, card, trust_modules=trust_modules):
            path = folder / f"{name}.pt2"
            program = export_program(network, in_channels=card.interface.in_channels)
            content = io.BytesIO()
            torch.export.save(program, content)
            write_bytes(path, content.getvalue())
            run = _runner(torch.export.load(path))
            check_agreement(run, network, card, path.name)
            write_bytes(folder / member.file, (model / member.file).read_bytes())
        why_not = _write_source(folder, card)
        write_text(folder / "README.md", readme(card, torch_use(card, why_not)))
        write_card(folder, card)
    return () if why_not is None else (f"No network.py was written: {why_not}",)


def _write_source(folder: Path, card: ModelCard) -> str | None:
    """Write ``network.py``, or return why it cannot be written."""
    ending = "\n\n\n".join([definitions(weights_reader), _LOAD])
    try:
        text = network_source(
            card, imports=("import json", "from pathlib import Path"), ending=ending
        )
    except ModelError as error:
        return str(error)
    write_text(folder / "network.py", text)
    return None


def _runner(program: ExportedProgram) -> Run:
    network = program.module()

    def run(images_BCHW: np.ndarray) -> np.ndarray:
        logits: np.ndarray = network(torch.from_numpy(images_BCHW)).numpy()
        return logits

    return run
