from mbnas.report.page.sections.explanation_section import explanation_section
from mbnas.results.explanation.choices import ANY_DEPTH, Choice, GeneValue
from mbnas.results.explanation.findings import (
    AblationPath,
    ChoiceEffect,
    Effect,
    Explanation,
    GeneEffect,
    PairEffect,
    PathStep,
    Share,
)
from mbnas.space.genotype import Genotype

PAYS = Effect(mean=0.01, sd=0.002, low=0.004, high=0.016)
OPEN = Effect(mean=-0.001, sd=0.002, low=-0.006, high=0.004)
FIRST, LAST = (Genotype.parse(f"0vgg3-1{block}3-0vgg3-0vgg3@1") for block in ("vgg", "dense"))
DENSE = Choice("block", "dense")
FOUND = Explanation(
    num_networks=40,
    num_initialisations=60,
    searcher="<b>own</b>",
    is_limited=False,
    choices=(
        ChoiceEffect(choice=DENSE, effect=PAYS, num_networks=20),
        ChoiceEffect(choice=Choice("kernel", 5), effect=OPEN, num_networks=18),
    ),
    untried=(Choice("depth", 1),),
    pairs=(
        PairEffect(pair=(DENSE, ANY_DEPTH), effect=PAYS),
        PairEffect(pair=(DENSE, Choice("kernel", 5)), effect=OPEN),
    ),
    genes=(GeneEffect(gene=GeneValue(2, "block", "dense"), effect=PAYS),),
    shares=(
        Share(name="block", mean=0.5, low=0.4, high=0.6),
        Share(name="kernel", mean=0.1, low=0.0, high=0.2),
        Share(name="rest", mean=0.4, low=0.3, high=0.5),
    ),
    path=AblationPath(
        reference=FIRST,
        target=LAST,
        is_chosen=True,
        steps=(PathStep(change="block <i> → dense", network=LAST, is_scored=True, gain=PAYS),),
        total=PAYS,
    ),
)


def test_the_verdict_comes_before_the_tables():
    page = str(explanation_section(FOUND))
    assert page.index("Shown to pay: block dense in a node (+0.0100)") < page.index("<table")
    assert "Blocks matter most" in page
    assert page.count("<table") == 5
    for text in (
        "block dense in a node, for each further level",
        "node 2 block",
        "+0.0040 to +0.0160",
        "No network with a score has: 1 level.",
        "The other 1 of 2 pairs of choices cannot be told",
    ):
        assert text in page


def test_what_is_told_stands_out():
    page = str(explanation_section(FOUND))
    assert page.count('<tr class="strong">') == 5
    assert page.count("cannot be told</td>") == 1


def test_a_chart_comes_before_the_table_of_the_same_effects():
    page = str(explanation_section(FOUND))
    charts = [index for index in range(len(page)) if page.startswith('class="chart effects', index)]
    assert len(charts) == 4  # of choices and of the path, for a desktop screen and for a phone
    assert charts[1] < page.index("<table") < charts[2]
    assert page.index("cannot be told from 0</li>") < page.index("<table")


def test_texts_are_escaped():
    page = str(explanation_section(FOUND))
    assert "<i>" not in page
    assert "block &lt;i&gt; → dense" in page


def test_few_networks_give_a_sentence_without_tables():
    few = Explanation(num_networks=2, num_initialisations=2, searcher="local", is_limited=False)
    page = str(explanation_section(few))
    assert "What mattered cannot be told: only 2 networks have scores" in page
    assert "<table" not in page
    assert "<svg" not in page


def test_a_running_search_has_no_section():
    assert explanation_section(None) is None
