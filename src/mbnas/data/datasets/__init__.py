"""Datasets: cases, patients, classes, folds, and what is wrong with them."""
