"""How slices reach the training device."""
