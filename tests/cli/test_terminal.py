"""Output at a terminal: names escaped and complete, tables never cut."""

import ast
import io
import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings

import mbnas
from mbnas.cli.terminal import Terminal, headed, table, words
from mbnas.escaping import visible

from ..names import NAMES, shapeless

HEADS = ("class", "fold", "initialisation", "Dice")
LONG = "a class whose name is rather long, and longer than a screen is wide, if that is narrow"


def screen(width=None):
    """A terminal of a width, or a pipe, that writes into a string."""
    terminal = Terminal()
    terminal.file = io.StringIO()
    if width is not None:
        terminal._force_terminal = True
        terminal.width = width
    return terminal


def printed(terminal):
    return re.sub(r"\x1b\[[0-9;]*m", "", terminal.file.getvalue())


@settings(deadline=None)
@given(NAMES)
@example("[bold]x[/bold] :heart:")
def test_a_name_is_printed_unchanged_everywhere(name):
    out, shown = screen(), visible(name)
    out.print(f"Case {shown}.")
    out.print(name.replace("\n", ""))
    out.print(words(name, "bold"))
    out.print(headed(name, ": finished"))
    made = table(f"{shown}|", "Dice", title=f"{name}|")
    made.add_row(f"{shown}|", "0.5")
    made.add_row(words(f"{name}|"), "0.5")
    out.print_table(made)
    text = printed(out)
    assert not shapeless(text.replace("\n", ""))
    assert text.startswith(
        f"Case {shown}.\n{visible(name.replace(chr(10), ''))}\n{shown}\n{shown}: "
    )
    assert text.count(f"{shown}|") >= 4


@pytest.mark.parametrize("width", [None, 200, 80, 40, 20])
def test_a_table_is_never_cut(width):
    made = table(*HEADS, title="2 trainings")
    made.add_row(words(LONG), "0", "1000", "0.5000*")
    made.add_row("tail", "1", "1000", "failed")
    out = screen(width)
    out.print_table(made)
    lines = printed(out).splitlines()
    text = " ".join(printed(out).split())
    assert "…" not in text
    assert {"0.5000*", "1000", "failed", "tail"} <= set(text.split())
    if width is None:
        assert any(LONG in line for line in lines)
    else:
        folded = "".join(line.split("  ")[0].strip() for line in lines) + text
        assert all(word in folded for word in LONG.split())
    if width and width >= 40:
        assert max(map(len, lines)) <= max(width, 8 + len(LONG))


def test_at_eighty_columns_rows_stay_rows():
    made = table(*HEADS)
    made.add_row(words(LONG), "0", "1000", "0.5000*")
    out = screen(80)
    out.print_table(made)
    row = next(line for line in printed(out).splitlines() if "0.5000*" in line)
    assert row.split()[-3:] == ["0", "1000", "0.5000*"]
    assert max(map(len, printed(out).splitlines())) <= 80


def test_a_table_too_wide_for_a_terminal_is_a_line_for_each_cell():
    made = table("class", "fold", "initialisation")
    made.add_row("tail", "0", "1000")
    out = screen(20)
    out.print_table(made)
    assert printed(out).split("\n") == [
        "",
        "class: tail",
        "fold: 0",
        "initialisation: 1000",
        "",
        "",
    ]


def test_nothing_is_coloured_in_a_pipe():
    out = screen()
    out.print(headed("study", ": finished"))
    assert out.file.getvalue() == "study: finished\n"


def test_every_command_prints_through_this_module():
    folder = Path(mbnas.__file__).parent / "cli"
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and path.name != "terminal.py":
                called = getattr(node.func, "id", getattr(node.func, "attr", ""))
                assert called not in {"Console", "Table"}, path
                assert called != "Text" or path.name == "display.py", path
