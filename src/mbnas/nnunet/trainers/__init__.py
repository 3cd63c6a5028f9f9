"""The folder that nnU-Net searches for trainers, and nothing else of ours."""
