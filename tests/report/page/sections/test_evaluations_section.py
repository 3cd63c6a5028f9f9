"""The table of evaluations says how sure every score is."""

from mbnas.report.page.sections.evaluations_section import evaluations_section
from mbnas.report.page.study_page import render_page
from mbnas.study.progress.knowledge.known_networks import KnownNetwork

from ....results.conftest import make_evaluation, make_study

KNOWN = KnownNetwork(
    num_trainings=3,
    standard_error=0.012,
    estimate=0.798,
    estimate_sd=0.009,
    probability_best=0.25,
)


def test_a_known_network_has_its_precision():
    text = evaluations_section(make_study(make_evaluation(1, 0.81, known=KNOWN)))
    for cell in ("0.810 ± 0.012", ">3<", "0.798 ± 0.009", "0.25"):
        assert cell in text


def test_what_is_unknown_is_a_dash():
    known = KnownNetwork(num_trainings=3, standard_error=None)
    text = evaluations_section(make_study(make_evaluation(1, 0.81, known=known)))
    assert ">0.810<" in text
    assert text.count("<td>–</td>") == 2


def test_the_page_has_the_sentence_on_the_spread():
    words = "Spread of the networks: it cannot be told from 0."
    assert words in render_page(make_study(make_evaluation(1, 0.81), spread=words))
