"""Confirmations in a limited time, with a limit that says how much of it each network needs."""

import pytest

from mbnas.data.phantom import write_phantom
from mbnas.study.begin_or_resume import opened
from mbnas.study.drive import run_search as module
from mbnas.study.drive.time_limit import TimeLimit
from mbnas.study.progress.confirmation_record import confirmation_in
from mbnas.study.resolve_study import resolve

from ..tiny_study import TINY


@pytest.fixture
def confirmation_of(tmp_path, monkeypatch):
    """Run or resume a search of a few random networks; return what it confirmed."""
    dataset = write_phantom("spleen", tmp_path / "spleen", num_patients=3)
    settings = TINY | {
        "run": {"device": "cpu", "executor": "inline"},
        "search": {
            "hours": 1.0,
            "evaluations": 100,
            "searcher": "random",
            "confirmation": 0.5,
        },
    }
    study = resolve(
        tmp_path / "study", dataset, protocol="quick", default_protocol="quick", options=settings
    )

    def run(num_searched, suffices_for):
        class Limited(TimeLimit):
            def may_begin(self, networks):
                return len(self._ledger.evaluations()) < num_searched

            def num_confirming(self, networks):
                return suffices_for(networks)

        monkeypatch.setattr(module, "TimeLimit", Limited)
        with opened(study, command="mbnas search", warn=pytest.fail) as held:
            module.run_search(held)
            digests = [each.network for each in held.ledger.evaluations()]
            return confirmation_in(held.ledger.facts()), digests

    return run


def test_a_leader_that_takes_too_long_takes_no_part(confirmation_of):
    everything, digests = confirmation_of(4, lambda networks: 40)
    assert len(everything.candidates) == 4  # worth it with 40 initialisations
    dear = everything.leaders[0]

    def suffices_for(networks):
        return 0 if dear in {each.digest for each in networks} else 40

    found, digests = confirmation_of(10, suffices_for)
    assert dear in digests
    assert dear not in found.candidates
    assert len(found.candidates) == 4


def test_as_many_leaders_take_part_as_there_is_time_for(confirmation_of):
    found, _ = confirmation_of(6, lambda networks: 40 // len(networks))
    assert len(found.candidates) == 2  # 40 // 4 would be too few for three


def test_a_search_without_time_to_confirm_confirms_once_it_has_more(confirmation_of):
    none, before = confirmation_of(3, lambda networks: 0)
    assert none.is_finished
    assert not none.candidates
    found, after = confirmation_of(3, lambda networks: 10)
    assert before == after
    assert found.candidates
    again, _ = confirmation_of(3, lambda networks: 30)
    assert again == found  # a confirmation that has begun keeps its budget
