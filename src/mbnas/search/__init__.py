"""The method: searchers propose genotypes and receive their scores."""
