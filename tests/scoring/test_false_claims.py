"""Equal networks are called different as rarely as alpha, for any number of initialisations.

A small version of ``benchmarks/claims.py``: 21 patients in 3 folds, and what an architecture does
to a patient comes back in every training.
"""

import numpy as np
import pytest

from mbnas.scoring.differences import compare_networks
from mbnas.scoring.paired_tests import compare

PATIENTS, FOLDS, REPLICATES = 21, 3, 120


def called_different(initialisations):
    """Return the shares of comparisons that show a difference, by patients and by blocks."""
    rng = np.random.default_rng(0)
    over_patients = over_blocks = 0
    for _ in range(REPLICATES):
        noise_IP = rng.normal(0, 0.026, (initialisations, PATIENTS))
        differences_IP = rng.normal(0, 0.018, PATIENTS) + noise_IP
        values = np.stack([differences_IP.mean(axis=0), np.zeros(PATIENTS)], axis=1)
        (found,) = compare_networks(values, rng=rng)
        over_patients += found.verdict in ("first", "second")
        blocks = [differences_IP[:, fold::FOLDS].mean(axis=1) for fold in range(FOLDS)]
        over_blocks += compare(np.concatenate(blocks)).p < 0.05
    return over_patients / REPLICATES, over_blocks / REPLICATES


@pytest.mark.parametrize(("initialisations", "at_least"), [(5, 0.10), (20, 0.30)])
def test_equal_networks_are_called_different_as_rarely_as_alpha(initialisations, at_least):
    over_patients, over_blocks = called_different(initialisations)
    # 5 % give 0 to 13 of 120 but once in 500 (binomial); blocks give about 18 % and 45 %.
    assert over_patients <= 13 / 120
    assert over_blocks >= at_least
