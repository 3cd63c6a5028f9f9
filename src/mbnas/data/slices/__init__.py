"""Prepared slices: normalised, resampled and stored once per study."""
