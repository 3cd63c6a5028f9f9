"""A user's own module, by its import path."""

from __future__ import annotations

import hashlib
import sys
from importlib import import_module, invalidate_caches
from importlib.util import find_spec
from pathlib import Path

from torch import nn

from mbnas.errors import ConfigurationError
from mbnas.network.architecture import OwnNetwork


def find_own_network(text: str) -> OwnNetwork:
    """Return the module that ``module:PACKAGE.MODULE:NAME`` names, as its source is now.

    The current directory counts as one to import from, as in ``python -m``.

    Raises:
        ConfigurationError: if there is no such module.
        UsageError: if the text is no import path.
    """
    path = text.removeprefix("module:").partition("#")[0]
    module, _, attribute = path.partition(":")
    named = OwnNetwork(module=module, attribute=attribute, fingerprint="0" * 8)
    return OwnNetwork(module=module, attribute=attribute, fingerprint=_fingerprint(named))


def build_own_network(architecture: OwnNetwork, *, in_channels: int, num_classes: int) -> nn.Module:
    """Return a user's network, called with ``in_channels`` and ``num_classes`` by name.

    Raises:
        ConfigurationError: if it cannot be imported or called, makes no ``nn.Module``, or its
            source is not what it was when it was named.
    """
    if _fingerprint(architecture) != architecture.fingerprint:
        raise ConfigurationError(
            f"The source of {architecture} has changed since it was named: restore it, or name "
            f"module:{architecture.module}:{architecture.attribute} again to train it anew."
        )
    try:
        make = getattr(import_module(architecture.module), architecture.attribute)
        network = make(in_channels=in_channels, num_classes=num_classes)
    except Exception as error:
        raise ConfigurationError(
            f"{architecture} cannot be made: {type(error).__name__}: {error}. It is called as "
            f"{architecture.attribute}(in_channels={in_channels}, num_classes={num_classes})."
        ) from error
    if not isinstance(network, nn.Module):
        raise ConfigurationError(
            f"{architecture} made a {type(network).__name__}: it must make a torch.nn.Module."
        )
    return network


def _fingerprint(architecture: OwnNetwork) -> str:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
        invalidate_caches()
    try:
        spec = find_spec(architecture.module)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            f"There is no module {architecture.module} to import {architecture.attribute} from: "
            "install it, or start mbnas in its folder."
        )
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()[:8]
