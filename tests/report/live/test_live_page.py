"""Editions of a page, each rendered when something changed."""

import threading

import pytest

from mbnas.errors import StudyError
from mbnas.report.live.live_page import LivePage


class Clock:
    """A time that tests set, and a page that takes a second of it."""

    def __init__(self):
        self.now = 0.0
        self.problem = None

    def __call__(self):
        return self.now

    def render(self, number):
        self.now += 1.0
        if self.problem is not None:
            raise StudyError(self.problem)
        return f"page {number}"


@pytest.fixture
def clock():
    return Clock()


def test_each_edition_has_a_number(clock):
    page = LivePage(clock.render, clock=clock)
    assert (page.edition.number, page.edition.html) == (1, "page 1")
    clock.now += 1000
    assert page.refresh()
    assert (page.edition.number, page.edition.html) == (2, "page 2")


def test_rendering_takes_at_most_5_percent_of_the_time(clock):
    page = LivePage(clock.render, clock=clock)
    begun, rendered = clock.now, 0
    while clock.now < begun + 1000:
        rendered += page.refresh()
        clock.now += 0.25
    assert 40 <= rendered <= 50


def test_a_page_that_cannot_be_rendered_stays_and_the_problem_is_told(clock):
    page = LivePage(clock.render, clock=clock)
    clock.now += 1000
    clock.problem = "The ledger is gone."
    assert page.refresh()
    assert (page.edition.number, page.edition.html) == (1, "page 1")
    assert page.edition.problem == "The ledger is gone."
    clock.now, clock.problem = clock.now + 1000, None
    assert page.refresh()
    assert (page.edition.number, page.edition.problem) == (2, None)


def test_a_first_page_that_cannot_be_rendered_is_an_error(clock):
    clock.problem = "The ledger is gone."
    with pytest.raises(StudyError, match="gone"):
        LivePage(clock.render, clock=clock)


def test_readers_wait_for_the_next_edition(clock):
    page = LivePage(clock.render, clock=clock)
    first = page.edition
    assert page.wait(first, 0.01) is first
    found = []
    reader = threading.Thread(target=lambda: found.append(page.wait(first, 20.0)))
    reader.start()
    clock.now += 1000
    page.refresh()
    reader.join(20.0)
    assert [each.number for each in found] == [2]
