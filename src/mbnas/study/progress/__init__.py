"""Progress of a study, computed from one snapshot of its ledger."""
