"""Experiments: studies that can be compared, or an error that says why not."""

from dataclasses import replace

import pytest

from mbnas.errors import StudyError
from mbnas.space.four_spaces import SPACE_NAMES
from mbnas.study.experiment import resolve_experiment


def resolved(directory, *, spaces=SPACE_NAMES, protocol=None, paper_dataset=None, **options):
    return resolve_experiment(
        directory,
        directory / "data",
        spaces=spaces,
        protocol=protocol,
        default_protocol="quick",
        options=options,
        paper_dataset=paper_dataset,
    )


def begun(directory, *names, **options):
    experiment = resolved(directory, **options)
    for name in names:
        study = experiment.searches.get(name, experiment.comparison)
        study.path.mkdir(parents=True)
        study.write_configuration()
    return experiment


def test_studies_differ_only_in_their_space(tmp_path):
    experiment = resolved(tmp_path / "new", seed=5)
    assert [each.configuration.space.name for each in experiment.searches.values()] == list(
        SPACE_NAMES
    )
    assert {each.configuration.seed for each in experiment.searches.values()} == {5}
    assert not (tmp_path / "new").exists()


def test_the_order_is_the_papers(tmp_path):
    assert list(resolved(tmp_path, spaces=("bilevel", "mixed")).searches) == ["mixed", "bilevel"]


def test_a_new_study_takes_the_settings_of_the_others(tmp_path):
    begun(tmp_path, "macro", training={"epochs": 7}, search={"evaluations": 9})
    joined = resolved(tmp_path, spaces=("micro",)).searches["micro"].configuration
    assert (joined.space.name, joined.training.epochs) == ("micro", 7)
    assert joined.search.evaluations == 9


def test_the_mode_of_the_first_study_holds_for_all(tmp_path):
    experiment = resolved(tmp_path)
    assert experiment.settled() == experiment
    first = experiment.searches["mixed"]
    training = replace(first.configuration.training, precision="bfloat16", step="graph")
    first = replace(first, configuration=replace(first.configuration, training=training))
    first.path.mkdir(parents=True)
    first.write_configuration()
    settled = experiment.settled()
    others = [*settled.searches.values()][1:]
    assert [each.configuration.training for each in others] == [training] * 3
    assert settled.comparison.configuration.training == training


def test_a_study_that_cannot_be_compared_is_refused(tmp_path):
    begun(tmp_path, "macro", training={"epochs": 7})
    with pytest.raises(StudyError, match=r"training\.epochs: 7 in the study, 8 asked for"):
        resolved(tmp_path, spaces=("micro",), training={"epochs": 8})
    with pytest.raises(StudyError, match=r"another configuration"):
        resolved(tmp_path, spaces=("micro",), protocol="paper")


def test_studies_that_were_begun_apart_are_refused(tmp_path):
    begun(tmp_path / "one", "macro", training={"epochs": 7})
    begun(tmp_path / "two", "micro", training={"epochs": 8})
    (tmp_path / "two/micro").rename(tmp_path / "one/micro")
    with pytest.raises(StudyError, match=r"training\.epochs: 7 in macro, 8 in micro"):
        resolved(tmp_path / "one")


def test_a_directory_of_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(StudyError, match=r"is not an experiment .* \(such as thesis\.tex\)"):
        resolved(tmp_path)
    with pytest.raises(StudyError, match="is a file"):
        resolved(tmp_path / "thesis.tex")


def test_the_papers_settings_of_a_dataset_come_with_its_protocol(tmp_path):
    def epochs(**asked):
        return resolved(tmp_path / "new", **asked).configuration.training.epochs

    assert epochs(protocol="paper", paper_dataset="spleen") == 50
    assert epochs(protocol="paper", paper_dataset="prostate") == 100
    assert epochs(protocol="paper", paper_dataset="spleen", training={"epochs": 3}) == 3
    assert epochs(protocol="quick", paper_dataset="spleen") == 24
