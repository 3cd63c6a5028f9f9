"""The training device: choice, speed and memory."""
