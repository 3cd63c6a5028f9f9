"""A log in a thread of its own: it follows the ledger, and its failures end nothing."""

import threading
from contextlib import contextmanager

import pytest

from mbnas.report.live.background_log import BackgroundLog
from mbnas.report.live.run_sink import RunSink, run_key
from mbnas.study.drive.evaluation_request import Progress
from mbnas.study.ledger.ledger import Ledger

from .conftest import NETWORKS, RunWriter, status_of

NEWS = Progress(done=1, total=1)


class ListSink(RunSink):
    """Keeps what it is given, and does to each training what a test wants."""

    def __init__(self, on_training=lambda record: None):
        self.trainings, self.num_points, self.is_closed = [], 0, False
        self.threads = set()
        self._on_training = on_training

    def has_training(self, record):
        return run_key(record) in self.trainings

    def add_training(self, run):
        self.threads.add(threading.current_thread())
        self._on_training(run.record)
        self.trainings.append(run_key(run.record))

    def add_evaluations(self, points):
        self.num_points = len(points)

    def close(self):
        self.is_closed = True


@pytest.fixture
def warned():
    return []


@pytest.fixture
def following(study, warned):
    """Return a function from a sink to the log of a study."""

    def follow(sink, **times):
        @contextmanager
        def opened(tell):
            with Ledger.open(study.ledger.path, read_only=True) as ledger:
                yield RunWriter(sink, ledger, class_names=(), read_status=lambda: status_of(ledger))
                sink.close()

        return BackgroundLog("a service", opened, warn=warned.append, **times)

    return follow


def test_everything_is_written_by_another_thread(study, following, warned):
    sink = ListSink()
    study.ask(1)
    study.train(None, 1)
    with following(sink) as log:
        for number in (2, 3):
            study.ask(number)
            study.train(log.watch, number)
    assert [each[:16] for each in sink.trainings] == [each.digest for each in NETWORKS]
    assert (sink.num_points, sink.is_closed, warned) == (3, True, [])
    assert threading.current_thread() not in sink.threads


def test_what_is_recorded_during_the_search_is_written_during_it(study, following):
    written = threading.Event()
    with following(ListSink(lambda record: written.set())) as log:
        study.ask(1)
        study.train(log.watch, 1)
        assert written.wait(30)


def test_a_failure_is_told_once_and_ends_nothing(study, following, warned):
    def fail(record):
        raise ConnectionError("the network\nis down")

    with following(ListSink(fail)) as log:
        for number in (1, 2):
            study.ask(number)
            study.train(log.watch, number)
        log._thread.join(30)
        log.watch(NEWS)
        assert len(warned) == 1
        study.ask(3)
        study.train(log.watch, 3)
    (sentence,) = warned
    assert sentence == (
        "The log to a service has stopped (ConnectionError: the network); training goes on "
        "without it, and what is missing is logged when the study is resumed."
    )


def test_a_service_that_does_not_answer_is_not_waited_for(study, following, warned):
    answers = threading.Event()
    sink = ListSink(lambda record: answers.wait(30))
    for number in (1, 2):
        study.ask(number)
        study.train(None, number)
    with following(sink, patience_s=0.05) as log:
        pass
    assert "did not answer within 0.05 s" in warned[0]
    answers.set()
    log._thread.join(30)
    assert len(sink.trainings) == 1  # nothing is written once the study is no longer held


def test_a_service_that_is_slow_is_waited_for(study, following, warned):
    def be_slow(record):
        threading.Event().wait(0.5)

    sink = ListSink(be_slow)
    for number in (1, 2, 3):
        study.ask(number)
        study.train(None, number)
    with following(sink, patience_s=1.4):
        pass
    assert (len(sink.trainings), warned) == (3, [])


def test_an_interrupted_search_writes_no_further_run(study, following, warned):
    begun, goes_on = threading.Event(), threading.Event()

    def wait(record):
        begun.set()
        goes_on.wait(30)

    sink = ListSink(wait)
    for number in (1, 2):
        study.ask(number)
        study.train(None, number)
    log = following(sink, interrupted_s=0.05)
    log.__enter__()
    assert begun.wait(30)
    log.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    goes_on.set()
    log._thread.join(30)
    assert len(sink.trainings) == 1
