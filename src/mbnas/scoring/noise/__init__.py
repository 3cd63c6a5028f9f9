"""What the scores of a search say of its networks, and what is noise."""
