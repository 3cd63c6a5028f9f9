"""One network, one fold, one initialisation."""
