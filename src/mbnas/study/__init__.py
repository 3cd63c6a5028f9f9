"""A study on disk: its configuration, its ledger, and the run that fills it."""
