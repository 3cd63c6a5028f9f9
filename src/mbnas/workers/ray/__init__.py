"""An executor whose calls run on a Ray cluster."""
