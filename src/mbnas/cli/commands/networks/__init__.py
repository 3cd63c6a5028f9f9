"""Commands about the space and single networks."""
