"""From genotype to torch."""
