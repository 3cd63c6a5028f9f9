"""From a genotype to a torch module."""
