"""The results of studies and experiments as values; nothing here draws or writes files."""
