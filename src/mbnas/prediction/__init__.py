"""Label maps of new images, predicted by trained models."""
