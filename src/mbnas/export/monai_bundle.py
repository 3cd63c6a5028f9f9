"""``--to monai``: a bundle that ``monai.bundle run`` executes on a NIfTI file, without mbnas.

Its scripts are modules of mbnas and the source of the network.
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from mbnas.errors import ModelError
from mbnas.export import segmenter
from mbnas.export.bundle_metadata import bundle_metadata
from mbnas.export.exported_members import exportable_card, exported_members
from mbnas.export.network_source import network_source
from mbnas.export.readme import monai_use, readme
from mbnas.export.source_text import module_sources
from mbnas.machine.files import write_bytes, write_text
from mbnas.machine.folders import exporting
from mbnas.prediction.model.model_card import ModelCard

_INIT = '"""The source of mbnas that the bundle runs; mbnas need not be installed."""\n'
_ENSEMBLE = '''class Ensemble(nn.Module):
    """All members of the model, each trained on different patients."""

    def __init__(self, num_members: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(Network() for _ in range(num_members))

    def forward(self, images: Tensor) -> Tensor:
        """Return the mean of the members' probabilities of every {output} at every pixel."""
        probabilities = [member(images).{probabilities} for member in self.members]
        return torch.stack(probabilities).mean(dim=0)'''

_LOGGING = """[loggers]
keys=root

[handlers]
keys=console

[formatters]
keys=plain

[logger_root]
level=WARNING
handlers=console

[handler_console]
class=StreamHandler
level=WARNING
formatter=plain
args=(sys.stderr,)

[formatter_plain]
format=%(levelname)s: %(message)s
"""


def export_monai(model: Path, out: Path, *, trust_modules: bool = False) -> tuple[str, ...]:
    """Write a model as a MONAI bundle into a new folder.

    Returns:
        Notes for the user: none.

    Raises:
        ModelError: if the model cannot be exported, or its network has no source to copy.
        UsageError: if ``out`` exists and is not empty.
        WriteError: if it cannot be written.
    """
    card = exportable_card(model)
    source = _network_source(card)
    with exporting(out) as folder:
        for name in ("configs", "models", "docs", "scripts"):
            (folder / name).mkdir()
        members = exported_members(model, card, trust_modules=trust_modules)
        ensemble = nn.ModuleList(network for _, _, network in members)
        weights = {f"members.{name}": each for name, each in ensemble.state_dict().items()}
        content = io.BytesIO()
        torch.save(weights, content)
        write_bytes(folder / "models/model.pt", content.getvalue())
        scripts = module_sources(segmenter) | {"network": source, "__init__": _INIT}
        for name, text in scripts.items():
            write_text(folder / f"scripts/{name}.py", text)
        write_text(folder / "configs/metadata.json", _json(bundle_metadata(card)))
        write_text(folder / "configs/inference.json", _json(_inference(card)))
        write_text(folder / "configs/logging.conf", _LOGGING)
        write_text(folder / "docs/README.md", readme(card, monai_use(card)))
    return ()


def _ensemble(card: ModelCard) -> str:
    """Return the source of the network that the bundle loads."""
    if card.labels.has_regions:
        return _ENSEMBLE.format(output="region", probabilities="sigmoid()")
    return _ENSEMBLE.format(output="class", probabilities="softmax(dim=1)")


def _network_source(card: ModelCard) -> str:
    try:
        return network_source(card, ending=_ensemble(card))
    except ModelError as error:
        raise ModelError(
            f"A bundle holds its network's source. {error} Export it to torch or onnx."
        ) from error


def _inference(card: ModelCard) -> dict[str, object]:
    """Return the configuration of ``monai.bundle run``: only names and numbers, no users' text."""
    return {
        "imports": ["$import torch"],
        "bundle_root": ".",
        "image": f"$@bundle_root + '/image{'.nii.gz' if card.unit == 'mm' else '.png'}'",
        "output_dir": "$@bundle_root + '/eval'",
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "network_def": {
            "_target_": "scripts.network.Ensemble",
            "num_members": len(card.members),
        },
        "weights": "$torch.load(@bundle_root + '/models/model.pt', weights_only=True)",
        "segmenter": {
            "_target_": "scripts.segmenter.Segmenter",
            "members": "$@network_def.members",
            "device": "@device",
            "precision": card.precision,
            "slice_axis": card.slice_axis,
            "slice_size": card.slice_size,
            "context": card.context,
            **_of_patches(card),
            "normalisation": [asdict(channel) for channel in card.normalisation],
            "label_values": list(card.labels.declared),
            "regions": list(card.labels.targets.written),
        },
        "run": [
            "$@network_def.load_state_dict(@weights)",
            "$@segmenter.segment_file(@image, @output_dir)",
        ],
    }


def _of_patches(card: ModelCard) -> dict[str, object]:
    if card.patch_size is None:
        return {}
    return {"patch_size": card.patch_size, "spacing_mm": list(card.spacing_mm)}


def _json(value: dict[str, object]) -> str:
    return json.dumps(value, indent=4) + "\n"
