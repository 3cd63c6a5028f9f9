"""Reads and writes image files: voxels with their place in space."""
