"""The members of a model as functions from images to logits, in torch or onnxruntime.

Shape suffixes: B batch, C channels, K classes, H height, W width.
"""

from __future__ import annotations

from pathlib import Path

from mbnas.prediction.model.model_card import ModelCard
from mbnas.prediction.model.runner import Run


def load_members(
    folder: Path, card: ModelCard, *, device: str = "auto", trust_modules: bool = False
) -> list[Run]:
    """Return the functions that run each member of a model.

    Args:
        folder: The model's folder.
        card: The model's card.
        device: Where to run, as torch names it; ``auto`` is CUDA if available. For models
            exported to ONNX, onnxruntime chooses the device.
        trust_modules: Whether a ``module:`` network may be imported, which runs its code.

    Raises:
        ModelError: if the weights are absent, damaged or of another network.
        ConfigurationError: if there is no such device.
    """
    if card.format == "onnx":  # needs no torch; the other needs no onnxruntime
        from mbnas.prediction.model.onnx_members import load_onnx_members

        return load_onnx_members(folder, card)
    from mbnas.prediction.model.torch_members import load_torch_members

    return load_torch_members(folder, card, device=device, trust_modules=trust_modules)
