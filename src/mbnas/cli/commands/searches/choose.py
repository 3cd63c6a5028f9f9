"""``mbnas choose``: a network from the front of a search, without training."""

from __future__ import annotations

import argparse
import shlex

from mbnas.cli.show.front_display import choice_as_json, print_choice
from mbnas.cli.show.printing import print_json
from mbnas.errors import UsageError
from mbnas.results.fronts.network_choice import NetworkChoice, choose_network
from mbnas.results.fronts.search_front import search_front
from mbnas.space.cost_limits import COST_NAMES, CostName
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.progress.search_status import search_status


def choose(arguments: argparse.Namespace) -> int:
    """Print the network of the highest score within limits, and what is shown of it."""
    limits = _limits(arguments)
    study = Study.open(arguments.study)
    configuration = study.configuration
    with Ledger.open(study.ledger, read_only=True) as ledger:
        snapshot = ledger.read(fresh=True)
    status = search_status(snapshot, configuration)
    front = search_front(configuration, snapshot, status, [name for name, _ in limits])
    protocol = snapshot.facts["protocol"]
    fresh = [each for each in snapshot.fresh if each.key.protocol == protocol]
    choice = choose_network(front, limits, fresh=fresh)
    if arguments.json:
        print_json({"study": str(study.path), **choice_as_json(choice, front)})
    else:
        print_choice(choice, _hint(study, choice))
    return 0


def _limits(arguments: argparse.Namespace) -> list[tuple[CostName, float]]:
    given = (arguments.max_parameters, arguments.max_macs, arguments.max_latency_ms)
    limits = [
        (name, float(limit))
        for name, limit in zip(COST_NAMES, given, strict=True)
        if limit is not None
    ]
    for name, limit in limits:
        if not limit > 0:
            raise UsageError(f"--max-{name}-ms (={limit:g}) must be above 0.")
    return limits


def _hint(study: Study, choice: NetworkChoice) -> str | None:
    """Return how to find out whether a network is as good as the reference, if that is open."""
    reference = choice.reference
    if reference is None or choice.is_shown or choice.network.genotype == reference.genotype:
        return None
    words = ["mbnas", "compare", str(study.path)]
    for each in (choice.network, reference):
        words += ["--network", str(each.genotype)]
    return f"More trainings may show it: {shlex.join(words)}"
