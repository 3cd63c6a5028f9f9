"""mbnas networks inside nnU-Net, and nnU-Net beside them on the same folds."""
