"""Augmentation: random parameters are drawn first, then applied to a whole batch."""
