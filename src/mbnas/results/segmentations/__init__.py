"""Segmentations to show next to their references, as values."""
