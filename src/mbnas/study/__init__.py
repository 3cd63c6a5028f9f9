"""A study on disk, and the run that fills it."""
