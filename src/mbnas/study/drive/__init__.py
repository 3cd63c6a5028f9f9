"""Runs a search: from a searcher's proposals to scores in the ledger. README.md has the order."""
