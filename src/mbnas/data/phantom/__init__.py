"""Synthetic patients with anatomy like that of the prostate or spleen, written as datasets.

They are for demonstrations and tests: free and small, yet difficult in the way that real patients
are. Neighbouring organs have the intensities of the organ to segment, so a network has to use more
than single voxels to distinguish them.
"""

from mbnas.data.phantom.phantom_dataset import ANATOMIES, Kind, write_phantom

__all__ = ["ANATOMIES", "Kind", "write_phantom"]
