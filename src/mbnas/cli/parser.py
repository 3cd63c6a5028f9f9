"""The parser of the command line: one-sentence errors that suggest the nearest option."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn

from mbnas.escaping import in_message

Command = Callable[[argparse.Namespace], int]
"""Run a command with its parsed options; return the exit status."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        """Print the sentence and exit with status 2."""
        print(
            in_message(f"mbnas: {message[:1].upper()}{message[1:]}. See {self.prog} --help."),
            file=sys.stderr,
        )
        raise SystemExit(2)

    @property
    def options(self) -> tuple[argparse.Action, ...]:
        """Its options, in the order of its help, without those that the help hides."""
        return tuple(
            each for each in self._actions if each.option_strings and each.help != argparse.SUPPRESS
        )

    def refuse(self, unknown: str) -> NoReturn:
        """Print that an argument is unknown, with the nearest option, and exit with status 2."""
        option = unknown.split("=")[0]
        if option.startswith("-"):
            suggestion = nearest(option, self._option_string_actions)
            self.error(f"the option {option} does not exist{suggestion}")
        self.error(f"the argument {option} is one too many")


class Commands:
    """The commands of a parser, in the order of its help.

    Args:
        parser: What the user calls.
    """

    def __init__(self, parser: Parser) -> None:
        self._subparsers = parser.add_subparsers(
            dest="command_name", required=True, metavar="COMMAND", parser_class=Parser
        )

    def add(self, name: str, run: Command, text: str) -> Parser:
        """Add a command and return its parser, to which its options are added.

        Args:
            name: As typed.
            run: Called with the parsed options, which have it as ``command``.
            text: Its help.
        """
        added = self._subparsers.add_parser(name, help=text, description=text, allow_abbrev=False)
        added.set_defaults(command=run)
        return added

    @property
    def parsers(self) -> dict[str, Parser]:
        """The parser of each command, by name."""
        return dict(self._subparsers.choices)


def nearest(mistyped: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that suggests what was meant; empty if nothing is similar."""
    near = difflib.get_close_matches(mistyped, known, n=1, cutoff=0.5)
    return f"; the nearest is {near[0]}" if near else ""
