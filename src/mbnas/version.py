"""The version of mbnas, written here only, and those of the packages that scores depend on."""

from __future__ import annotations

import platform
from importlib.metadata import version

__version__ = "0.1.0"


def versions() -> dict[str, str]:
    """Return the versions on which a score may depend, by package."""
    packages = ("mbnas", "torch", "numpy", "monai", "nibabel", "pillow")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
