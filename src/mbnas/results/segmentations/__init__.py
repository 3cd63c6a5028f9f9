"""Segmentations worth showing, as values."""
