"""How a study trains: precision, step, fusion and workers, and how they are chosen."""
