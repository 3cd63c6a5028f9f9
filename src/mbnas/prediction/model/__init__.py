"""A trained model on disk, and what runs it."""
