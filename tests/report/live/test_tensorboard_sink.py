"""The folders of runs for TensorBoard."""

import pytest

from mbnas.report.live.tensorboard_sink import TensorBoardSink

from .conftest import NETWORKS, name_of

pytest.importorskip("tensorboard")


def folders(study):
    runs = study.folder / "tensorboard"
    return sorted(str(each.parent.relative_to(runs)) for each in runs.glob("**/events*"))


def of(number, **changes):
    return f"trainings/{name_of(number, **changes)}"


def test_evaluations_are_written_in_order_even_if_a_later_one_ends_first(study):
    study.ask(1)
    study.ask(2)
    with study.log(TensorBoardSink(study.folder)) as watch:
        study.train(watch, 2, 0.9)
        assert folders(study) == [of(2)]
        study.train(watch, 1, 0.7)
    assert folders(study) == ["search", of(1), of(2)]


def test_a_search_that_resumes_writes_no_folder_twice(study):
    study.ask(1)
    with study.log(TensorBoardSink(study.folder)) as watch:
        study.train(watch, 1, 0.7)
    trainings = "tensorboard/trainings/*/*/*"
    written = {each: each.stat().st_mtime_ns for each in study.folder.glob(trainings)}
    with study.log(TensorBoardSink(study.folder)) as watch:
        study.ask(2)
        study.train(watch, 2, 0.9)
    again = {each: each.stat().st_mtime_ns for each in study.folder.glob(trainings)}
    assert written.items() <= again.items()
    assert folders(study) == ["search", of(1), of(2)]  # each in one file


def test_what_a_killed_process_was_writing_is_removed(study):
    study.ask(1)
    study.train(None, 1, 0.7)
    (study.folder / ".writing").mkdir(parents=True)
    (study.folder / ".writing/events.half").touch()
    with study.log(TensorBoardSink(study.folder)):
        pass
    assert folders(study) == ["search", of(1)]


def test_a_network_trained_ahead_gets_its_number_once_it_is_asked_for(study):
    study.ledger.record_network(NETWORKS[0])
    with study.log(TensorBoardSink(study.folder)) as watch:
        study.train(watch, 1, 0.7, complete=False)
        assert folders(study) == [of(1, asked=False)]
        study.ask(1)
    assert folders(study) == ["search", of(1)]
    assert TensorBoardSink(study.folder).has_training(study.ledger.trainings()[0])
