"""The training loop: from initial weights to the last epoch."""
