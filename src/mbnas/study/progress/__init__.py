"""Where a study stands, computed from one snapshot of its ledger."""
