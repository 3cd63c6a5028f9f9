"""Networks that are not genotypes: a library's, and the user's own."""
