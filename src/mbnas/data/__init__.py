"""From image files to slices in memory."""
