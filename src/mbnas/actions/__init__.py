"""What users do with a study, by the command line or Python: search, compare, train, predict."""
