"""Checks a dataset before a search: what it contains, and what is wrong with it."""
