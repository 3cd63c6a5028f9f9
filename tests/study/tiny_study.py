"""The settings of studies whose trainings take almost no time and learn nothing."""

TINY = {
    "preparation": {"slice_size": 16},
    "protocol": {"folds": 2},
    "training": {
        "epochs": 1,
        "steps_per_epoch": 1,
        "batch_size": 2,
        "base_channels": 4,
        "warmup_steps": 0,
        "collapse_repeats": 0,
        "head_bias": "random",
        "precision": "float32",
    },
    "space": {"num_nodes": 2, "num_levels": 2},
    "search": {"searcher": "local", "start": "random", "confirmation": 0.0, "evaluations": 2},
}
"""By section; the search is the paper's, of two networks."""
