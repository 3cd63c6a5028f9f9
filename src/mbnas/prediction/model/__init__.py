"""A trained model on disk, and the code that runs it."""
