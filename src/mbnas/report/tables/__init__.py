"""Comparisons and evaluations as tables: Markdown, LaTeX, CSV and JSON."""
