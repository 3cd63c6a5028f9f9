"""The training device: its choice, its speed and its memory."""
