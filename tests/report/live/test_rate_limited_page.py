"""A page is rewritten if writing stays under 5 % of elapsed time."""

import pytest

from mbnas.report.live.rate_limited_page import RateLimitedPage


class Desk:
    """A clock, and a page that takes a while to write."""

    def __init__(self, takes_s):
        self.now, self.takes_s, self.writes = 100.0, takes_s, []
        self.page = RateLimitedPage(self.write, largest_share=0.05, clock=lambda: self.now)

    def write(self):
        self.writes.append(self.now)
        self.now += self.takes_s


def test_a_quick_page_is_rewritten_every_time():
    desk = Desk(takes_s=0.01)
    desk.page.write()
    for _ in range(50):
        desk.now += 1.0
        desk.page.write_if_due()
    assert len(desk.writes) == 51


@pytest.mark.parametrize("takes_s", [0.2, 1.0, 7.0])
def test_writing_stays_below_the_share_of_the_time(takes_s):
    desk = Desk(takes_s)
    desk.page.write()
    for _ in range(2000):
        desk.now += 1.0
        desk.page.write_if_due()
    share = len(desk.writes) * takes_s / (desk.now - 100.0)
    assert 0.045 < share <= 0.05


def test_a_page_that_becomes_slow_is_written_less_often():
    desk = Desk(takes_s=0.01)
    desk.page.write()
    desk.now += 99.0
    desk.takes_s = 4.0
    desk.page.write_if_due()
    desk.now += 40.0
    desk.page.write_if_due()  # 8 s of 143 would be 5.6 %
    assert len(desk.writes) == 2
    desk.now += 20.0
    desk.page.write_if_due()
    assert len(desk.writes) == 3


def test_the_last_page_is_always_written():
    desk = Desk(takes_s=1000.0)
    desk.page.write()
    desk.page.write_if_due()
    desk.page.write()
    assert len(desk.writes) == 2


def test_a_page_that_cannot_be_written_counts_as_time_spent():
    desk = Desk(takes_s=1.0)

    def fail():
        desk.write()
        raise OSError

    desk.page = RateLimitedPage(fail, largest_share=0.05, clock=lambda: desk.now)
    with pytest.raises(OSError):  # noqa: PT011  (it has no message)
        desk.page.write()
    desk.now += 10.0
    desk.page.write_if_due()
    assert len(desk.writes) == 1
