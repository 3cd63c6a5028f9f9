"""The search itself: from a searcher's proposals to scores in the ledger."""
