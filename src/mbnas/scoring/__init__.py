"""How good a segmentation is, and whether one network is better than another."""
