"""What a person reads: the page, tables, charts and figures."""
