"""Search for a network, and print which one the study stands for.

    python examples/01_own_data.py
    python examples/02_search.py

Run it again to resume: trainings that have ended are kept. The settings make trainings of seconds,
too short for real data. There, `mbnas.search(dataset, study, hours=2)` is a better beginning.
"""

import mbnas

TINY = {
    "preparation.slice_size": 24,
    "protocol.folds": 2,
    "space.num_nodes": 4,
    "space.num_levels": 3,
    "training.epochs": 4,
    "training.steps_per_epoch": 6,
    "training.base_channels": 4,
    "training.warmup_steps": 0,
    "training.learning_rate": 0.02,
}

study = mbnas.search(
    "data/discs",
    "studies/discs",
    protocol="quick",
    evaluations=10,
    executor="inline",  # in this process, because starting others takes longer than these trainings
    settings=TINY,
)
print(study.chosen)
