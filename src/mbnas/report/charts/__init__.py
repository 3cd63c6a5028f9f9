"""SVG charts for the page."""
