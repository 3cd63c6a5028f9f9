"""A user's own module, by its import path."""

from __future__ import annotations

import hashlib
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, invalidate_caches
from importlib.util import find_spec
from pathlib import Path

from torch import nn

from mbnas.errors import ConfigurationError, cause_of
from mbnas.network.architecture import OwnNetwork
from mbnas.network.interface import Interface

PATIENCE_S = 60.0
"""The longest that importing a user's module and building its network may take, in seconds."""


def find_own_network(text: str) -> OwnNetwork:
    """Return the module that ``module:PACKAGE.MODULE:NAME`` names, with its current fingerprint.

    Modules can be in the current directory, as with ``python -m``.

    Raises:
        ConfigurationError: if there is no such module, or it is the main module.
        UsageError: if the text is not an import path.
    """
    path = text.removeprefix("module:").partition("#")[0]
    module, _, attribute = path.partition(":")
    if module == "__main__":
        raise ConfigurationError(
            f"module:{path} is in the main module, which worker processes do not import: move it "
            "into a module of its own, and name that one."
        )
    named = OwnNetwork(module=module, attribute=attribute, fingerprint="0" * 8)
    return OwnNetwork(module=module, attribute=attribute, fingerprint=_fingerprint(named))


def build_own_network(architecture: OwnNetwork, interface: Interface) -> nn.Module:
    """Return a user's network, called with ``in_channels`` and ``num_classes`` as keywords.

    Raises:
        ConfigurationError: if it cannot be imported or called, is not an ``nn.Module``, has no
            parameters to train, takes longer than :data:`PATIENCE_S`, or if its source has
            changed since it was named.
    """
    if _fingerprint(architecture) != architecture.fingerprint:
        raise ConfigurationError(
            f"The source of {architecture} has changed since it was named: restore it, or name "
            f"module:{architecture.module}:{architecture.attribute} again to train the new version."
        )
    in_channels, num_classes = interface.in_channels, interface.num_classes
    called = f"{architecture.attribute}(in_channels={in_channels}, num_classes={num_classes})"
    with _own_code(f"{architecture} cannot be made", f"It is called as {called}."):
        make = getattr(import_module(architecture.module), architecture.attribute)
        network = make(in_channels=in_channels, num_classes=num_classes)
    if not isinstance(network, nn.Module):
        raise ConfigurationError(
            f"{architecture} made a {type(network).__name__}: it must make a torch.nn.Module."
        )
    if not any(each.requires_grad for each in network.parameters()):
        raise ConfigurationError(
            f"{architecture} has no parameters that can be trained: register its layers as "
            "attributes of the module."
        )
    return network


@contextmanager
def _own_code(what: str, remedy: str) -> Iterator[None]:
    """State any error of a user's code in one sentence, and limit its time.

    A keyboard interrupt passes through. The time is limited in the main thread only, as a signal
    can interrupt Python only there.
    """
    try:
        with _at_most(PATIENCE_S):
            yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ConfigurationError(f"{what}: {cause_of(error)}. {remedy}") from error


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raise ``TimeoutError`` if the work takes longer and this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def give_up(_signal: int, _frame: object) -> None:
        raise TimeoutError(f"it took longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _fingerprint(architecture: OwnNetwork) -> str:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
        invalidate_caches()
    try:
        with _own_code(  # it imports the packages that the module is in
            f"{architecture.module} cannot be imported",
            "Correct it, or start mbnas in another folder.",
        ):
            spec = find_spec(architecture.module)
    except ConfigurationError as error:
        if not isinstance(error.__cause__, (ImportError, ValueError)):
            raise
        spec = None
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            f"There is no module {architecture.module} to import {architecture.attribute} from: "
            "install it, or start mbnas in its folder."
        )
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()[:8]
