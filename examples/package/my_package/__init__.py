"""A block and a searcher for mbnas."""
