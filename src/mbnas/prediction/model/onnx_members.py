"""The members of a model in ONNX format, run by onnxruntime without torch.

Shape suffixes: B batch, C channels, K classes, H height, W width.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from mbnas.errors import ModelError
from mbnas.prediction.model.model_card import ModelCard, checked_file
from mbnas.prediction.model.runner import Run

_PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
_ONLY_ERRORS = 3


def load_onnx_members(folder: Path, card: ModelCard) -> list[Run]:
    """Return the functions that run each member of a model in onnxruntime.

    They run on a CUDA device if onnxruntime supports one, else on the CPU.

    Raises:
        ModelError: if onnxruntime is not installed, or a file is absent, damaged or of
            another network.
    """
    onnxruntime = import_onnx_package("onnxruntime")
    return [_runner(onnxruntime, checked_file(folder, each), card) for each in card.members]


def import_onnx_package(name: str) -> Any:
    """Import and return one of the packages for models in ONNX format.

    Raises:
        ModelError: if it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ModelError(
            f"ONNX needs {name}, which cannot be imported ({error}): install it with "
            "pip install 'mbnas[onnx]'."
        ) from error


def _runner(onnxruntime: Any, path: Path, card: ModelCard) -> Run:
    session = _session(onnxruntime, path)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    found = [_dims(each) for each in (*inputs, *outputs)]
    interface = card.interface
    expected = [(interface.in_channels, 4), (interface.num_classes, 4)]
    if found != expected:
        raise ModelError(
            f"{path} is not the network that the card describes: it must take images of "
            f"{interface.in_channels} channels and give logits of {interface.num_classes} classes."
        )
    name = inputs[0].name

    def run(
        images_BCHW: Float32[np.ndarray, "batch channels height width"],
    ) -> Float32[np.ndarray, "batch classes height width"]:
        logits: np.ndarray = session.run(None, {name: images_BCHW})[0]
        return logits

    return run


def _session(onnxruntime: Any, path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ONLY_ERRORS
    available = onnxruntime.get_available_providers()
    providers = [each for each in _PROVIDERS if each in available]
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime's errors have no common base class
        raise ModelError(
            f"{path} holds no network that onnxruntime can run: {_first_line(error)}"
        ) from error


def _dims(value: Any) -> tuple[Any, int]:
    """Return the channels and the number of dimensions of an input or output."""
    return (value.shape[1] if len(value.shape) > 1 else None), len(value.shape)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
