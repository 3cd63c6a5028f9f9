"""The commands, grouped by what they work on; each group has a file of its options."""
