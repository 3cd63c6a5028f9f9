"""What networks and trainings cost in a study: counts, latency and time."""
