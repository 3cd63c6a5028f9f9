"""Final training of a model: checkpoints, learning curve and weights."""
