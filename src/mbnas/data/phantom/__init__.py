"""Synthetic patients with prostate- and spleen-like anatomy, written as real datasets.

They are for demonstrations and tests: free, small and never the same twice, yet hard
in the way that patients are. Neighbouring organs share an organ's intensities, so a
network has to look further than its voxels to tell them apart.
"""

from mbnas.data.phantom.phantom_dataset import ANATOMIES, Kind, write_phantom

__all__ = ["ANATOMIES", "Kind", "write_phantom"]
