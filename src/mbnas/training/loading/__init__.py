"""Loads slices onto the training device."""
