"""Figures for papers: one module per figure, each a function from values to a matplotlib figure.

They use only matplotlib's object interface: no display and no global state.
"""
