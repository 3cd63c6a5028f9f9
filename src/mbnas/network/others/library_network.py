"""Networks of segmentation_models_pytorch, by name; the baselines are among them.

Source: Iakubovskii 2019, https://github.com/qubvel-org/segmentation_models.pytorch.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable

import torch
from torch import nn

from mbnas.errors import ConfigurationError
from mbnas.network.architecture import LibraryNetwork
from mbnas.network.interface import Interface
from mbnas.network.operations.padding import Padded
from mbnas.network.operations.pooling import replace_pooling

with warnings.catch_warnings():  # timm before 1.0.23, which nnU-Net requires, scripts at import
    warnings.filterwarnings("ignore", message="`torch.jit", category=FutureWarning)
    import segmentation_models_pytorch as smp


def build_library_network(architecture: LibraryNetwork, interface: Interface) -> Padded:
    """Return a library's network that gives raw logits at the input's size, whatever that is.

    Args:
        architecture: Design, encoder and weights.
        interface: What it must fit.

    Raises:
        ConfigurationError: if the library lacks the design, encoder or weights, or does
            not build them together.
    """
    designs = {each.__name__: each for each in smp.MODEL_ARCHITECTURES_MAPPING.values()}
    _check_known("design", architecture.design, designs)
    if not architecture.encoder.startswith("tu-"):  # timm's, which the library looks up
        _check_known("encoder", architecture.encoder, smp.encoders.get_encoder_names())
    try:
        with torch.device("cpu"):  # some encoders compute with their weights when built
            network: nn.Module = designs[architecture.design](
                encoder_name=architecture.encoder,
                encoder_weights=architecture.weights,
                in_channels=interface.in_channels,
                classes=interface.num_classes,
            )
    except (ValueError, KeyError, RuntimeError, NotImplementedError, OSError) as error:
        raise ConfigurationError(
            f"segmentation_models_pytorch does not build {architecture}: {_first_line(error)} "
            "Choose another encoder or other weights."
        ) from error
    replace_pooling(network)
    return Padded(network, int(getattr(network.encoder, "output_stride", 32)))


def _check_known(kind: str, name: str, known: Iterable[str]) -> None:
    names = list(known)
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.3)
        hint = f"; the nearest is {near[0]}" if near else ""
        raise ConfigurationError(
            f"segmentation_models_pytorch {smp.__version__} has no {kind} {name!r}{hint}."
        )


def _first_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if text.endswith(".") else f"{text}."
