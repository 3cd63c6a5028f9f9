"""``mbnas choose``: a network from the front of a search, without training."""

from __future__ import annotations

import argparse
import shlex

from mbnas.cli.show.front_display import choice_as_json, print_choice
from mbnas.cli.show.printing import print_json
from mbnas.errors import UsageError
from mbnas.results.fronts.choose_in import choose_in
from mbnas.results.fronts.network_choice import NetworkChoice
from mbnas.results.standing.read_standing import read_standing
from mbnas.space.cost_limits import COST_NAMES, CostName
from mbnas.study.directory import Study


def choose(arguments: argparse.Namespace) -> int:
    """Print the network of the highest score within limits, and what is shown of it."""
    limits = _limits(arguments)
    study = Study.open(arguments.study)
    choice, front = choose_in(read_standing(study), limits)
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
