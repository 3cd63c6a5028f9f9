"""Training a model to keep: checkpoints, learning curve and weights."""
