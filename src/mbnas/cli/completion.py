"""Completion for shells, as a script of each shell that is written from the parser.

The script is all that a shell needs: completing starts no Python.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from mbnas.cli.parser import Parser

Shell = Literal["bash", "zsh", "fish"]
SHELLS: tuple[Shell, ...] = get_args(Shell)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option of a command.

    Attributes:
        names: As typed, such as ``--seed``.
        takes_value: Whether a value follows.
        values: What the value may be, or begins with; empty if that is not known.
        text: Its help.
    """

    names: tuple[str, ...]
    takes_value: bool
    values: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandWords:
    """A command and its options."""

    name: str
    text: str
    options: tuple[Option, ...]


def completion_script(shell: Shell, parsers: Mapping[str, Parser], keys: Iterable[str]) -> str:
    """Return the script by which a shell completes commands, options, their values and settings.

    Args:
        shell: Which shell.
        parsers: Of each command.
        keys: Of the settings, for ``--set``.
    """
    assignments = tuple(f"{key}=" for key in keys)
    commands = [
        CommandWords(
            name=name,
            text=parser.description or "",
            options=tuple(_option(each, assignments) for each in parser.options),
        )
        for name, parser in parsers.items()
    ]
    return _WRITERS[shell](commands)


def _option(action: argparse.Action, assignments: tuple[str, ...]) -> Option:
    values = tuple(map(str, action.choices or ()))
    return Option(
        names=tuple(action.option_strings),
        takes_value=action.nargs != 0,
        values=assignments if "--set" in action.option_strings else values,
        text=(action.help or "").replace("%%", "%"),
    )


def _bash(commands: Sequence[CommandWords]) -> str:
    cases = []
    for command in commands:
        for option in command.options:
            if option.takes_value:
                pattern = "|".join(f'"{command.name} {name}"' for name in option.names)
                cases.append(f"    {pattern}) words={shlex.quote(' '.join(option.values))} ;;")
    for command in commands:
        names = " ".join(name for option in command.options for name in option.names)
        cases.append(f'    "{command.name} "*) [[ $word != -* ]] || words={shlex.quote(names)} ;;')
    every = " ".join(command.name for command in commands)
    return "\n".join(
        [
            "_mbnas() {",
            '  local word="${COMP_WORDS[COMP_CWORD]}" command="" words=""',
            '  (( COMP_CWORD == 1 )) || command="${COMP_WORDS[1]}"',
            '  case "$command ${COMP_WORDS[COMP_CWORD - 1]}" in',
            f"    ' '*) words={shlex.quote(every + ' --help --version')} ;;",
            *cases,
            "  esac",
            '  COMPREPLY=($(compgen -W "$words" -- "$word"))',
            "  [[ ${COMPREPLY[0]} != *= ]] || compopt -o nospace",
            "}",
            "complete -o default -F _mbnas mbnas",  # file names where nothing else is known
            "",
        ]
    )


def _zsh(commands: Sequence[CommandWords]) -> str:
    described = (shlex.quote(f"{each.name}:{each.text}") for each in commands)
    lines = [
        "#compdef mbnas",
        "_mbnas() {",
        "  if (( CURRENT == 2 )); then",
        f"    local -a commands=({' '.join(described)})",
        "    _describe command commands",
        "    return",
        "  fi",
        '  local command="$words[2]"',
        "  shift words",
        "  (( CURRENT-- ))",
        '  case "$command" in',
    ]
    for command in commands:
        specs = [
            shlex.quote(_zsh_spec(name, each)) for each in command.options for name in each.names
        ]
        lines.append(f"    {command.name}) _arguments {' '.join(specs)} '*:file:_files' ;;")
    return "\n".join([*lines, "  esac", "}", "compdef _mbnas mbnas", ""])


def _zsh_spec(name: str, option: Option) -> str:
    text = option.text.replace("\\", "\\\\").replace("[", "(").replace("]", ")").replace(":", "\\:")
    if not option.takes_value:
        return f"*{name}[{text}]"
    if not option.values:
        return f"*{name}[{text}]:value:_files"
    suffix = " -S ''" if option.values[0].endswith("=") else ""
    return f"*{name}[{text}]:value:{{compadd{suffix} -- {' '.join(option.values)}}}"


def _fish(commands: Sequence[CommandWords]) -> str:
    lines = [
        f"complete -c mbnas -f -n __fish_use_subcommand -a {each.name} -d {_fish_text(each.text)}"
        for each in commands
    ]
    for command in commands:
        when = f"'__fish_seen_subcommand_from {command.name}'"
        for option in command.options:
            names = " ".join(
                f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
                for name in option.names
            )
            value = ""
            if option.values:
                value = f" -x -a {_fish_text(' '.join(option.values))}"
            elif option.takes_value:
                value = " -r"
            lines.append(f"complete -c mbnas -n {when} {names}{value} -d {_fish_text(option.text)}")
    return "\n".join([*lines, ""])


def _fish_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


_WRITERS: dict[Shell, Callable[[Sequence[CommandWords]], str]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
}
