"""The section on the chosen network."""

from mbnas.report.page.sections.confirmation_section import confirmation_section
from mbnas.results.choice.chosen_network import ChosenNetwork, ConfirmedNetwork
from mbnas.scoring.superiority import Superiority
from mbnas.search.decision import Decision, DecisionRule
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.study.ledger.snapshot import NetworkRecord

UNET, OTHER = unet_genotype(2), Genotype.parse("0vgg5-1vgg3-0vgg3-0vgg3")


def chosen(genotype, **fields):
    values = {
        "genotype": genotype,
        "number": 1,
        "reference": UNET,
        "reference_number": 2,
        "reference_score": 0.7,
        "num_scored": 12,
        "score": 0.8,
        "parameters": 9,
        "macs": 99,
        "cost": None,
        "rule": DecisionRule(),
    }
    return ChosenNetwork(**(values | fields))


def confirmed(genotype, number, **fields):
    record = NetworkRecord(architecture=genotype, parameters=1200, macs=3_000_000)
    values = {"num_trainings": 6, "dice": 0.75, "superiority": None, "better": None}
    return ConfirmedNetwork(record=record, number=number, **(values | fields))


def test_a_study_without_a_score_has_no_section():
    assert confirmation_section(None) is None


def test_without_a_confirmation_there_is_no_section():
    assert confirmation_section(chosen(OTHER)) is None


def test_every_confirmed_network_is_shown_with_its_difference():
    found = Superiority(
        difference=-0.0125, standard_error=0.005, freedom=20.0, num_patients=12, num_trainings=6
    )
    decision = Decision(
        chosen=UNET.digest,
        ground="not shown",
        better={OTHER.digest: 0.01},
        not_worse={OTHER.digest: 0.02},
    )
    html = str(
        confirmation_section(
            chosen(
                UNET,
                decision=decision,
                confirmed=(
                    confirmed(OTHER, 1, superiority=found, better=0.01),
                    confirmed(UNET, 2),
                ),
            )
        )
    )
    assert "The chosen network" in html
    assert "Network 1" in html
    assert "U-Net (network 2), reference, chosen" in html
    interval = found.interval()
    assert "−0.0125" in html
    assert f"−{-interval.low:.4f} to −{-interval.high:.4f}" in html
