"""Assembles a dataset from pictures and their masks, or from DICOM series and references."""
