"""The HTML pages of a study and of an experiment."""
