"""Each class that is missing in a training, a validation or everywhere gives a finding."""

from mbnas.data.checks.rare_classes import rarity_findings
from mbnas.data.datasets.dataset import LabelClass
from mbnas.data.datasets.folds import Fold

CLASSES = (LabelClass(value=1, name="organ"), LabelClass(value=7, name="cyst"))
PARTS = (("a", "b"), ("c", "d"), ("e", "f"))
FOLDS = tuple(
    Fold(train=tuple(each for other in PARTS if other != part for each in other), validation=part)
    for part in PARTS
)


def found(with_cyst, folds=FOLDS, **options):
    patients = {name: {1, 2} if name in with_cyst else {1} for name in "abcdefgh"}
    findings = rarity_findings(CLASSES, patients, folds, **options)
    assert all(finding.severity == "warning" for finding in findings)
    return [(finding.rule, finding.message) for finding in findings]


def test_a_class_in_every_training_and_validation_gives_no_finding():
    assert found("ace") == found("abcdef") == []


def test_a_class_without_patients_is_absent():
    ((rule, message),) = found("")
    assert rule == "class-absent"
    assert message.startswith("No case holds label 7 (cyst), though dataset.json declares it")


def test_a_class_of_one_patient_is_in_no_training_of_the_fold_that_validates_it():
    (rule, message), (other, covered) = found("c")
    assert (rule, other) == ("class-rare", "class-rare")
    assert message == (
        "Only 1 patient of the folds has label 7 (cyst): the trainings of fold 1 have no training "
        "patient with it and cannot learn it. Add patients who have it, or remove it."
    )
    assert covered == (
        "Only 1 patient of the folds has label 7 (cyst): folds 0 and 2 have no validation patient "
        "with it, and scores there do not cover it. Add patients who have it."
    )


def test_a_class_of_two_patients_is_in_all_trainings_of_three_folds_but_not_in_all_validations():
    ((rule, message),) = found("cf")
    assert rule == "class-rare"
    assert message == (
        "Only 2 patients of the folds have label 7 (cyst): fold 0 has no validation patient "
        "with it, and scores there do not cover it. Set protocol.folds to 2, or add patients "
        "who have it."
    )


def test_held_out_patients_are_counted_separately():
    assert [rule for rule, _ in found("aceg", held_out="gh")] == []
    ((rule, message),) = found("ace", held_out="gh")
    assert rule == "class-not-held-out"
    assert message == (
        "No held-out patient has label 7 (cyst): 3 patients in all have it, and the test on "
        "held-out patients does not cover it. Add patients who have it, or hold out more."
    )
    ((rule, message),) = found("g", held_out="gh")
    assert (rule, message.split(":")[0]) == (
        "class-rare",
        "Only held-out patients have label 7 (cyst)",
    )


def test_without_folds_there_are_no_findings_about_them():
    assert found("c", folds=()) == []
