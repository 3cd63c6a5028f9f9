"""Image files: voxels with their place in space."""
