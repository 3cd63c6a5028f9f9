"""Prediction of cases: from image files to label maps."""
