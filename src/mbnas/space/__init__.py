"""Which networks exist: genotypes, and the spaces that hold them."""
