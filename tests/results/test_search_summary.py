from datetime import datetime

import pytest

from mbnas.errors import GenotypeError
from mbnas.results.evaluation_summary import TrainingSummary


def test_the_best_is_the_first_of_the_highest_scores(study, evaluation):
    scores = (0.5, None, 0.7, 0.6, 0.7)
    summary = study(*(evaluation(n, score) for n, score in enumerate(scores, start=1)))

    assert [e.number for e in summary.improvements] == [1, 3]
    assert summary.best is summary.evaluations[2]


def test_a_study_without_a_score_has_no_best(study, evaluation):
    assert study().best is None
    assert study(evaluation(1, None)).best is None


def test_changes_name_every_gene_that_differs(evaluation):
    changed = evaluation(
        2, genotype="0vgg3-1vgg3-0dense5-0vgg3@1", incumbent="0vgg3-0vgg3-0dense3-0vgg3"
    )

    assert [str(change) for change in changed.changes] == [
        "node 2: level 0 → 1",
        "node 3: kernel 3 → 5",
        "node 4: skip none → 1",
    ]


def test_sd_is_of_the_trainings_that_have_a_score(evaluation):
    trainings = tuple(
        TrainingSummary(fold=fold, initialisation=1, score=score)
        for fold, score in enumerate((0.7, 0.8, None), start=1)
    )

    assert evaluation(1, trainings=trainings).sd == pytest.approx(0.0707, abs=1e-4)
    assert evaluation(1, trainings=trainings[1:]).sd is None


def test_invalid_values_are_refused(study, evaluation):
    with pytest.raises(GenotypeError):
        evaluation(1, genotype="4vgg3")
    with pytest.raises(ValueError, match="finite"):
        evaluation(1, float("nan"))
    with pytest.raises(ValueError, match="time zone"):
        study(updated_at=datetime(2026, 3, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="ascending order"):
        study(evaluation(2), evaluation(1))
