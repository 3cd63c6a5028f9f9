"""From files to slices in memory."""
