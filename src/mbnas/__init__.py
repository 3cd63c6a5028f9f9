"""mbnas finds the segmentation network a medical dataset deserves, and proves it."""

from mbnas.version import __version__

__all__ = ["__version__"]
