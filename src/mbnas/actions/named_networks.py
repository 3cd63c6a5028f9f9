"""Networks by the names that users type."""

from __future__ import annotations

from collections.abc import Iterable

from mbnas.errors import StudyError, UsageError
from mbnas.network.architecture import Architecture, is_own, parse_architecture, title_of
from mbnas.results.choice.chosen_network import ChosenNetwork
from mbnas.results.choice.network_decision import read_chosen_network
from mbnas.space.genotype import Genotype, unet_genotype
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.progress.status_summary import read_status_summary


def network_named(text: str) -> Architecture:
    """Return a baseline, a genotype, a library network or the user's own by its name."""
    if is_own(text):
        from mbnas.network.others.own_network import find_own_network

        return find_own_network(text)
    return parse_architecture(text)


def networks_named(names: Iterable[str], *, num_levels: int) -> dict[str, Architecture]:
    """Return networks by name.

    Args:
        names: As typed.
        num_levels: Levels of ``unet-genotype``.
    """
    unet = unet_genotype(num_levels)
    return {name: unet if name == "unet-genotype" else network_named(name) for name in names}


def read_chosen(study: Study, ledger: Ledger) -> ChosenNetwork:
    """Return the network that a study stands for.

    Raises:
        StudyError: if no network has a score.
    """
    with ledger.one_state():
        summary = read_status_summary(ledger, study.configuration)
        chosen = read_chosen_network(ledger, summary, study.configuration)
    if chosen is None:
        raise StudyError(
            f"{study.path} has no network with a score yet: let its search run first, or name a "
            "--network."
        )
    return chosen


def genotype_named(study: Study, name: str) -> tuple[Genotype, str]:
    """Return a study's chosen genotype or the named one, and its title.

    Raises:
        StudyError: if ``name`` is ``best`` and no network has a score.
        UsageError: if the network is not a genotype.
    """
    if name == "best":
        with Ledger.open(study.ledger, read_only=True) as ledger:
            return read_chosen(study, ledger).genotype, "Best found"
    named = networks_named([name], num_levels=study.configuration.space.num_levels)[name]
    if not isinstance(named, Genotype):
        raise UsageError(
            f"--network {name} is not a genotype, and nnU-Net trains only genotypes here: name "
            "one, or unet-genotype."
        )
    return named, title_of(named)
