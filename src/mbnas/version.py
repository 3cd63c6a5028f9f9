"""The version of mbnas, written here only, and those of the packages that scores depend on."""

from __future__ import annotations

__version__ = "0.1.0"
RESEARCH_SOFTWARE = f"mbnas {__version__}: research software, no medical device"
"""Description of a prediction, at most 80 bytes."""


def versions() -> dict[str, str]:
    """Return the versions on which a score may depend, by package."""
    # Imported here because every command imports this module.
    import platform
    from importlib.metadata import version

    packages = ("mbnas", "torch", "numpy", "monai", "nibabel", "pillow")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
