"""The time account of a study, against sums by hand."""

from mbnas.search.searcher import Proposal
from mbnas.space.genotype import Genotype
from mbnas.study.progress.time_account import TimeShare, num_asked_again, time_account
from mbnas.training.training_record import LostRunRecord, TrainingKey, TrainingRecord


def key(network, fold=0, initialisation=0):
    return TrainingKey(network=network, protocol="p", fold=fold, initialisation=initialisation)


def training(network, wall_s, *, fold=0, initialisation=0, **changes):
    values = {
        "key": key(network, fold, initialisation),
        "score": 0.8,
        "wall_s": wall_s,
        "worker": "host:1 cuda:0",
        "started_at": "2026-03-01T12:00:00+00:00",
    }
    return TrainingRecord(**(values | changes))


def failure(network, wall_s, **changes):
    values = {
        "key": key(network),
        "kind": "worker died",
        "reason": "It was killed.",
        "wall_s": wall_s,
        "worker": "host:1 cuda:0",
        "started_at": "2026-03-01T12:00:00+00:00",
    }
    return LostRunRecord(**(values | changes))


def test_a_study_without_trainings_has_an_empty_account():
    account = time_account((), (), asked=(), evaluated=(), asked_again=3)
    assert account.spent == account.borrowed == account.ahead == TimeShare(count=0, seconds=0.0)
    assert (account.saved_s, account.wasted_s) == (0.0, 0.0)


def test_every_second_is_in_the_right_part():
    account = time_account(
        (
            training("a", 100.0),
            training("a", 140.0, fold=1),
            training("b", 60.0),
            training("b", 20.0, fold=1, score=None, error="The loss was not finite."),
            training("c", 50.0, borrowed=True),
            training("c", 30.0, fold=1, borrowed=True),
            training("d", 11.0),  # started ahead, and never asked for
            training("a", 500.0, initialisation=1000),  # of a comparison
            training("unet", 700.0, initialisation=1000),
        ),
        (failure("b", 7.0), failure("a", 0.0), failure("d", 2.5, withdrawn=True)),
        asked={"a", "b", "c", "e"},
        evaluated={"a", "b", "c"},
        asked_again=2,
        dropped={"b": 4, "never begun": 9},
    )

    assert account.spent == TimeShare(count=7 + 3, seconds=100 + 140 + 60 + 20 + 11 + 1200 + 9.5)
    assert account.compared == TimeShare(count=2, seconds=1200.0)
    assert account.borrowed == TimeShare(count=2, seconds=80.0)
    assert account.asked_again == TimeShare(count=2, seconds=2 * (100 + 140 + 60 + 20 + 80) / 3)
    assert account.dropped == TimeShare(count=4, seconds=4 * (60 + 20) / 2)
    assert account.failed == TimeShare(count=1 + 3, seconds=20 + 9.5)
    assert account.ahead == TimeShare(count=1, seconds=11.0)
    assert account.saved_s == 80 + 2 * 400 / 3 + 160
    assert account.wasted_s == 29.5 + 11.0


def test_trainings_ahead_that_are_asked_for_later_are_not_wasted():
    trainings = (training("a", 10.0), training("b", 5.0))
    assert time_account(trainings, (), asked={"a"}, evaluated={"a"}).wasted_s == 5.0
    assert time_account(trainings, (), asked={"a", "b"}, evaluated={"a"}).wasted_s == 0.0


def test_a_failed_training_ahead_is_wasted_once():
    failed = training("a", 10.0, score=None, error="The loss was not finite.")
    account = time_account((failed,), (), asked=(), evaluated=())
    assert account.wasted_s == account.spent.seconds == 10.0


def test_a_network_asked_for_again_with_more_initialisations_is_not_counted():
    first, second = (Genotype.parse(each) for each in ("0vgg3", "0vgg5"))

    def proposal(*genotypes, initialisations=None):
        return Proposal(
            genotypes=genotypes, incumbent=None, why="any", initialisations=initialisations
        )

    assert num_asked_again([]) == 0
    assert num_asked_again([proposal(first), proposal(second, first)]) == 1
    stepwise = [proposal(first, initialisations=1), proposal(first, second, initialisations=2)]
    assert num_asked_again(stepwise) == 0
    assert num_asked_again([*stepwise, proposal(first, initialisations=2)]) == 1
