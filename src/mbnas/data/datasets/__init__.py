"""Datasets: cases, patients, classes and folds."""
