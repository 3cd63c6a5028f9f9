"""Operations that networks are built from, deterministic on every device."""
