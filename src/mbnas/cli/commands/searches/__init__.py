"""Commands about a search: run it, watch it, report it."""
