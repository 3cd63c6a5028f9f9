"""A study on disk: its configuration, its ledger, and the search that fills it."""
