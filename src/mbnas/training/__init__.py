"""One training: one network, one fold, one initialisation."""
