"""Networks that a search found, trained again: to compare them or to use them."""
