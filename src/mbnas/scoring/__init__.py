"""Metrics of segmentations, and statistics that compare networks."""
