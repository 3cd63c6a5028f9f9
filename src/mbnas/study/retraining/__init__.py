"""Networks trained again: to compare them, or to use them as models."""
