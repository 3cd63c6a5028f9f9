"""The method: searchers propose genotypes and receive their scores. README.md has the order."""
