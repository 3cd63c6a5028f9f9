"""Datasets: from image files to prepared slices."""
