"""The ledger: one SQLite file with everything that a study has found."""
