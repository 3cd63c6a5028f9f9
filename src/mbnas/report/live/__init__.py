"""Outputs that are updated while a search runs: TensorBoard curves and the page."""
