"""Figures for papers: one module a figure, each a function from values to a matplotlib figure.

They are drawn by matplotlib's object interface alone: no display, no state shared with others.
"""
