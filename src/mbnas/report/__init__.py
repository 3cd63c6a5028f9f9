"""What a person reads: tables, drawings, the page."""
