"""From a trained network to label maps of new images."""
