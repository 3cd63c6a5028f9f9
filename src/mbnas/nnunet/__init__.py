"""Inside nnU-Net: a found network as one that nnU-Net trains, and both on the same folds."""
