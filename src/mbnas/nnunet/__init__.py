"""Found networks inside nnU-Net, and a comparison with nnU-Net's own on the same folds."""
