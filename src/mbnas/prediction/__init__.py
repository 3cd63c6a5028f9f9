"""From a trained model to label maps of new images."""
