"""What was found, as values: no drawing, no files."""
