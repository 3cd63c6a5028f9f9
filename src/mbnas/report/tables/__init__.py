"""Comparisons and prediction scores as tables: Markdown, LaTeX, HTML, CSV and JSON."""
