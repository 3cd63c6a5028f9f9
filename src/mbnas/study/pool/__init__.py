"""Where a study's trainings run: the worker pool, on one machine or on a Ray cluster."""
