"""Drawings of networks, as SVG and as text."""
