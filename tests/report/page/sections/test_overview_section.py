"""The top of the page: the answer first."""

from mbnas.report.page.sections.overview_section import overview_section
from mbnas.report.page.study_page import render_page
from mbnas.results.choice.chosen_network import ChosenNetwork
from mbnas.results.choice.next_steps import NextStep
from mbnas.results.choice.short_verdict import Verdict
from mbnas.search.decision import DecisionRule
from mbnas.space.genotype import Genotype, unet_genotype

VERDICT = Verdict(found="Found <A>.", certainty="It is better.", cost="It has half.")


def chosen(genotype, number, **fields):
    values = {
        "genotype": genotype,
        "number": number,
        "reference": unet_genotype(2),
        "reference_number": None,
        "reference_score": None,
        "num_scored": 2,
        "score": 0.7,
        "parameters": 1234,
        "macs": 5678,
        "cost": None,
        "rule": DecisionRule(),
    }
    return ChosenNetwork(**(values | fields))


def test_the_verdict_comes_before_the_commands_and_these_before_the_numbers(study, evaluation):
    step = NextStep(purpose="Train", command="mbnas train 'a <b>'")
    html = str(overview_section(study(evaluation(1), verdict=VERDICT, next_steps=(step,))))
    places = [
        html.index(words)
        for words in ("Found &lt;A&gt;.", "It is better.", "It has half.", "mbnas train", "<dl")
    ]
    assert places == sorted(places)
    assert "&#x27;a &lt;b&gt;&#x27;" in html


def test_a_page_does_not_offer_what_it_is(study):
    live = NextStep(purpose="Renew", command="mbnas report --live", needless_on=("served",))
    running = study(next_steps=(live, NextStep(purpose="Watch", command="mbnas status")))
    assert "--live" in overview_section(running)
    served = overview_section(running, is_served=True)
    assert "--live" not in served
    assert "mbnas status" in served
    only = overview_section(study(next_steps=(live,)), is_served=True)
    assert "What to do next" not in only


def test_a_study_without_a_score_says_so(study):
    assert "No network has a score yet." in overview_section(study())


def test_numbers_and_drawing_are_of_the_chosen_network_not_of_the_highest_score(study, evaluation):
    low, high = evaluation(1, 0.7), evaluation(2, 0.9)
    summary = study(low, high, chosen=chosen(Genotype.parse(low.genotype), 1))
    assert summary.best == low
    html = render_page(summary)
    assert "1.23 k" in html
    best = html[html.index('<section id="best"') :]
    assert f"Network {low.genotype}" in best[: best.index("</section>")]


def test_a_chosen_network_that_the_search_did_not_ask_for_is_drawn(study, evaluation):
    unet = unet_genotype(2)
    html = render_page(study(evaluation(1, 0.9), chosen=chosen(unet, None, score=None)))
    best = html[html.index('<section id="best"') :]
    best = best[: best.index("</section>")]
    assert f"Network {unet}" in best
    assert "not evaluated by the search" in best
    assert "1.23 k" in html


def test_the_unet_is_not_compared_with_itself(study, evaluation):
    unet = evaluation(1, 0.7)
    other = chosen(Genotype.parse(evaluation(2).genotype), 2)
    itself = chosen(Genotype.parse(unet.genotype), 1)
    words = "Difference from the U-Net"
    both = (unet, evaluation(2, 0.8))
    assert words in overview_section(study(*both, unet=unet, chosen=other))
    assert words not in overview_section(study(*both, unet=unet, chosen=itself))


def test_more_networks_than_the_budget_are_not_told_as_a_share(study, evaluation):
    evaluations = [evaluation(number) for number in (1, 2, 3)]
    assert "3 of 20 evaluations" in overview_section(study(*evaluations))
    beyond = overview_section(study(*evaluations, budget=2))
    assert "3 evaluations" in beyond
    assert "of 2" not in beyond
