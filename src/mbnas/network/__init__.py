"""Networks: from an architecture, such as a genotype, to a torch module."""
