"""``--to onnx``: a model whose members onnxruntime runs, on any number of images of any size.

The folder is a model with a card, so mbnas can predict with it, without torch. The weights are
inside the files.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mbnas.errors import ModelError
from mbnas.export.agreement import check_agreement, first_line
from mbnas.export.exported_members import exportable_card, exported_members
from mbnas.export.graph_program import DIMS, export_program
from mbnas.export.readme import onnx_use, readme
from mbnas.machine.files import write_bytes, write_text
from mbnas.machine.folders import exporting
from mbnas.prediction.model.model_card import Member, ModelCard, sha256_of, write_card
from mbnas.prediction.model.onnx_members import import_onnx_package, load_onnx_members
from mbnas.version import __version__

INPUT, OUTPUT = "images", "logits"


def export_onnx(model: Path, out: Path, *, trust_modules: bool = False) -> tuple[str, ...]:
    """Write a model for onnxruntime into a new folder.

    Returns:
        Notes for the user: none.

    Raises:
        ModelError: if the model cannot be exported, the export's logits differ, or the
            packages for ONNX are not installed.
        UsageError: if ``out`` exists and is not empty.
        WriteError: if it cannot be written.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        import_onnx_package(package)
    card = exportable_card(model)
    with exporting(out) as folder:
        members: list[Member] = []
        for member, name, network in exported_members(model, card, trust_modules=trust_modules):
            path = folder / f"{name}.onnx"
            content = _onnx_bytes(network, card)
            write_bytes(path, content)
            import_onnx_package("onnx").checker.check_model(content, full_check=True)
            members.append(replace(member, file=path.name, sha256=sha256_of(path)))
            (run,) = load_onnx_members(folder, replace(card, members=(members[-1],)))
            check_agreement(run, network, card, path.name)
        write_text(folder / "README.md", readme(card, onnx_use(card)))
        write_card(folder, replace(card, format="onnx", members=tuple(members)))
    return ()


def _onnx_bytes(network: nn.Module, card: ModelCard) -> bytes:
    program = export_program(network, in_channels=card.interface.in_channels)
    try:
        converted = torch.onnx.export(
            program,
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            external_data=False,
            verbose=False,
        )
    except Exception as error:
        raise ModelError(
            f"This network cannot be converted to ONNX ({first_line(error)}). Export it to torch."
        ) from error
    assert converted is not None  # it is None only if a file is given
    proto = converted.model_proto
    _name_dims(proto.graph)
    _describe(proto, card)
    content: bytes = proto.SerializeToString()
    return content


def _name_dims(graph: Any) -> None:
    """Name the dynamic dimensions, and drop the inferred shapes of intermediate maps."""
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        for number, name in DIMS.items():
            value.type.tensor_type.shape.dim[number].dim_param = name


def _outputs(card: ModelCard) -> dict[str, str]:
    """Return the meaning of the outputs: classes with the background, or regions."""
    names, values = [each.name for each in card.classes], [each.value for each in card.classes]
    if card.labels.has_regions:
        labels = [each.region for each in card.classes]
        facts: dict[str, object] = {"regions": names, "region_labels": labels, "written_as": values}
    else:
        facts = {"classes": ["background", *names], "label_values": [0, *values]}
    return {key: json.dumps(value) for key, value in facts.items()}


def _describe(proto: Any, card: ModelCard) -> None:
    """Describe the model, its input and its output in the file."""
    proto.producer_name, proto.producer_version = "mbnas", __version__
    proto.doc_string = card.notice
    facts = {
        "network": card.network,
        "dataset": card.dataset,
        "channels": json.dumps(card.input_channels),
        "context": str(card.context),
        **_outputs(card),
        "notice": card.notice,
    }
    for key, value in facts.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = f"mbnas.{key}", value
