"""Searchers: generators that propose genotypes and receive their scores."""
