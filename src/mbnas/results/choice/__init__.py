"""The network that a study stands for, and how sure that is."""
