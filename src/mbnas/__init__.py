"""Search for the segmentation network that suits a medical dataset; test it on baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mbnas.version import __version__

if TYPE_CHECKING:
    from mbnas.prediction.predictor import Predictor

__all__ = ["Predictor", "__version__"]


def __getattr__(name: str) -> object:
    """Import on first use what is slow to import."""
    if name == "Predictor":
        from mbnas.prediction.predictor import Predictor

        return Predictor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
