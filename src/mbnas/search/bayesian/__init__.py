"""Bayesian search: a Gaussian process over genotypes, and the trainings that decide the most."""
