"""Assembles a dataset from a folder of pictures and a folder of their masks."""
