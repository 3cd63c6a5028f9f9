"""From the arguments of the command line to the options of one command."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import NoReturn

from mbnas.cli.commands.comparisons.comparison_options import (
    add_compare,
    add_demo,
    add_nnunet,
    add_reproduce,
)
from mbnas.cli.commands.datasets.dataset_options import add_check, add_dataset_command, add_download
from mbnas.cli.commands.models.model_options import (
    add_evaluate,
    add_export,
    add_predict,
    add_train,
)
from mbnas.cli.commands.networks.network_options import add_cost, add_space
from mbnas.cli.commands.searches.search_options import (
    add_choose,
    add_explain,
    add_figures,
    add_report,
    add_search,
    add_settings,
    add_status,
    add_trainings,
)
from mbnas.cli.completion import SHELLS, completion_script
from mbnas.cli.parser import Commands, Parser, nearest
from mbnas.version import __version__

_COMPLETION = "--completion"
_COMMANDS = (
    *(add_demo, add_download, add_dataset_command, add_check),
    *(add_search, add_settings, add_status, add_choose, add_explain),
    *(
        add_trainings,
        add_compare,
        add_reproduce,
        add_train,
        add_predict,
        add_evaluate,
        add_nnunet,
        add_export,
        add_report,
    ),
    *(add_figures, add_space, add_cost),
)
"""In the order of the help: as a user meets them."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of one command, with the function to call as ``command``.

    Prints and exits for ``--help``, ``--version`` and errors.
    """
    parser, commands = _parser()
    if arguments and arguments[0].split("=")[0] == _COMPLETION:
        _print_completion(parser, commands, arguments)
    command = next((each for each in arguments if not each.startswith("-")), None)
    if command is not None and command not in commands:
        parser.error(f"the command {command} does not exist{nearest(command, commands)}")
    namespace, unknown = parser.parse_known_args(arguments)
    if unknown:
        commands[namespace.command_name].refuse(unknown[0])
    return namespace


def _print_completion(
    parser: Parser, commands: Mapping[str, Parser], arguments: Sequence[str]
) -> NoReturn:
    """Print the script of the shell that is named, and exit."""
    from mbnas.study.settings_reference import all_settings

    shell = " ".join(arguments).removeprefix(_COMPLETION)[1:]
    if shell not in SHELLS:
        parser.error(f"{_COMPLETION} (={shell}) must be {', '.join(SHELLS[:-1])} or {SHELLS[-1]}")
    keys = (each.key for each in all_settings())
    print(completion_script(shell, commands, keys), end="")
    raise SystemExit(0)


def _parser() -> tuple[Parser, dict[str, Parser]]:
    """Return the parser of everything, and the parser of each command by name."""
    parser = Parser(
        prog="mbnas",
        allow_abbrev=False,
        description="Searches for the segmentation network that suits a medical dataset, and "
        "tests it against baselines. Research software, not a medical device.",
    )
    parser.add_argument("--version", action="version", version=f"mbnas {__version__}")
    parser.add_argument(
        _COMPLETION, choices=SHELLS, help="print a script that completes commands in your shell"
    )
    commands = Commands(parser)
    for add in _COMMANDS:
        add(commands)
    return parser, commands.parsers
