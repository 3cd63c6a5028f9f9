"""Trainers of any length, in the folder that nnU-Net searches for trainers."""
