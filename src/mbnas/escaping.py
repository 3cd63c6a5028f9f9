r"""Names are data: one function for each format that text is written to.

Names of classes, cases, studies and files come from other people. They may hold markup,
control characters, quotation marks, or bytes that are not UTF-8. Each writer passes every text
that it did not write itself through the function of its format, so that the text arrives whole
and does nothing.

Three formats have their function elsewhere: HTML and SVG in :mod:`mbnas.report.page.markup`,
JSON in :func:`json.dumps`, whose output is ASCII, and figures in
:mod:`mbnas.report.figures.style`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any
from unicodedata import category

_SHAPELESS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_FIRST_BYTE, _LAST_BYTE = "\udc80", "\udcff"  # as os.fsdecode writes bytes that are not UTF-8

_MARKDOWN = str.maketrans({each: f"\\{each}" for each in "\\`*_[]<>#|~&$"})
_MARKDOWN_START = re.compile(r"^(\s*\d{0,9})([-+=.)])(?=[-=\s]|$)")  # of a list or a rule
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "`": r"\textasciigrave{}",
        "|": r"\textbar{}",
        **{each: f"\\{each}" for each in "&%$#_{}"},
        "<": r"$<$",
        ">": r"$>$",
        "±": r"$\pm$",
        "×": r"$\times$",
        "−": "$-$",
        "–": r"\textendash{}",
        "α": r"$\alpha$",
    }
)
_LATEX_LIGATURE = re.compile(r"([-'])(?=\1)")
_FORMULA = ("=", "+", "-", "@", "'")
_NOT_PLAIN = re.compile(r"[^\w .,()/+-]")
_TOML_BYTE = re.compile(r"\x00([89a-f][0-9a-f])")


def visible(text: str, *, keep: str = "") -> str:
    r"""Return text in which every character without a shape is written as an escape.

    These are control characters, marks that change the direction of writing, characters that
    Unicode does not assign, and bytes of a file's name that are not UTF-8.

    Args:
        text: Any string.
        keep: Characters that stay as they are, such as line ends.

    >>> visible("left\x1b[31m\nkidney \u202e \udcff")
    'left\\x1b[31m\\nkidney \\u202e \\xff'
    """
    if text.isprintable():
        return text
    return "".join(
        each if each in keep or category(each) not in _SHAPELESS else _escape(each) for each in text
    )


def _escape(character: str) -> str:
    if _FIRST_BYTE <= character <= _LAST_BYTE:
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def in_utf8(text: str) -> str:
    r"""Return text that UTF-8 can hold: bytes of a file's name that are not are escapes.

    >>> in_utf8("fall\udce9")
    'fall\\xe9'
    """
    return "".join(_escape(each) if category(each) == "Cs" else each for each in text)


def in_message(text: str) -> str:
    r"""Return a message for a terminal: visible, its own line ends kept.

    A message of several lines has two spaces at the beginning of its inner lines. A line end
    beside none of these came with a name.

    >>> in_message("Case a\nb is empty."), in_message("Differs:\n  seed: 1, 2\nChange it.")
    ('Case a\\nb is empty.', 'Differs:\n  seed: 1, 2\nChange it.')
    """
    lines = text.split("\n")
    written = visible(lines[0])
    for before, line in pairwise(lines):
        is_ours = before.startswith("  ") or line.startswith("  ")
        written += ("\n" if is_ours else "\\n") + visible(line)
    return written


def in_markdown(text: str) -> str:
    r"""Return text that Markdown shows as it is, in a table and anywhere else in a line.

    >>> print(in_markdown("a|b <i>*c*</i>"))
    a\|b \<i\>\*c\*\</i\>
    """
    return _MARKDOWN_START.sub(r"\1\\\2", visible(text).translate(_MARKDOWN))


def in_latex(text: str) -> str:
    r"""Return text whose special characters LaTeX prints as they are.

    >>> print(in_latex("left_lobe & 95 %"))
    left\_lobe \& 95 \%
    """
    return _LATEX_LIGATURE.sub(r"\1{}", visible(text).translate(_LATEX))


def in_csv(value: Any) -> Any:
    r"""Return what a cell of a CSV file holds of a value: only text is changed, to one line.

    A spreadsheet takes text that begins with ``=``, ``+``, ``-`` or ``@`` for a formula. Such
    text, and text that begins with an apostrophe, gets an apostrophe in front.

    >>> in_csv("=1+1"), in_csv("left"), in_csv(-1.5)
    ("'=1+1", 'left', -1.5)

    Source:
        OWASP, CSV injection, https://owasp.org/www-community/attacks/CSV_Injection.
    """
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any] | Sequence[Any]]) -> str:
    r"""Return rows as CSV with a head; what is ``None`` is empty.

    Args:
        columns: Names of the columns.
        rows: Values by column, or in the columns' order.

    >>> csv_text(["class", "dice"], [{"class": "left, lower", "dice": None}, ("tail", 0.5)])
    'class,dice\n"left, lower",\ntail,0.5\n'
    """
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(map(in_csv, columns))
    for row in rows:
        values = [row[each] for each in columns] if isinstance(row, Mapping) else row
        writer.writerow(map(in_csv, values))
    return written.getvalue()


def in_source(text: str) -> str:
    r"""Return text for a string in source or in a MONAI bundle: words, all else as escapes.

    A quotation mark ends a string in source. In a bundle, text that begins with ``$`` is run,
    and ``@`` and ``%`` refer to other entries.

    >>> print(in_source("liver', $print('x")), print(in_source("left lobe (2)"))
    liver\x27, \x24print(\x27x
    left lobe (2)
    (None, None)

    Source:
        MONAI bundle configuration, https://docs.monai.io/en/stable/config_syntax.html.
    """
    return _NOT_PLAIN.sub(lambda found: _point(found[0]), text)


def _point(character: str) -> str:
    number = ord(character)
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def in_toml(value: Any) -> Any:
    r"""Return a value whose strings TOML can hold: bytes that are not UTF-8 follow a NUL.

    A path may hold such bytes and can hold no NUL, so :func:`from_toml` has the way back.

    >>> in_toml({"dataset": "/data/\udcff"})
    {'dataset': '/data/\x00ff'}
    """
    if isinstance(value, str):
        return "".join(
            f"\0{ord(each) - 0xDC00:02x}" if _FIRST_BYTE <= each <= _LAST_BYTE else each
            for each in value
        )
    return _each(in_toml, value)


def from_toml(value: Any) -> Any:
    r"""Return the value that :func:`in_toml` was given.

    >>> from_toml({"dataset": "/data/\x00ff"})
    {'dataset': '/data/\udcff'}
    """
    if isinstance(value, str):
        return _TOML_BYTE.sub(lambda found: chr(0xDC00 + int(found[1], 16)), value)
    return _each(from_toml, value)


def _each(change: Any, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {change(key): change(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [change(each) for each in value]
    return value
