"""Searches that take the cost of networks into account."""
