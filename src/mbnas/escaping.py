r"""Escapes text for the formats that mbnas writes: one function per format.

Names of classes, cases, studies and files come from other people. They may contain markup,
control characters, quotation marks, or bytes that are not UTF-8. Each writer passes all text
that is not its own through the function of its format, so that the text is shown in full and is
never interpreted.

Three formats have their function elsewhere: HTML and SVG in :mod:`mbnas.report.markup`,
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

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
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
    r"""Return text with every invisible character written as an escape sequence.

    These are control characters, marks that change the direction of writing, characters that
    Unicode does not assign, and bytes of a file name that are not UTF-8.

    Args:
        text: Any string.
        keep: Characters to keep unchanged, such as line ends.

    >>> visible("left\x1b[31m\nkidney \u202e \udcff")
    'left\\x1b[31m\\nkidney \\u202e \\xff'
    """
    if text.isprintable():
        return text
    return "".join(
        each if each in keep or category(each) not in _INVISIBLE else _escape(each) for each in text
    )


def _escape(character: str) -> str:
    if _FIRST_BYTE <= character <= _LAST_BYTE:
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def in_utf8(text: str) -> str:
    r"""Return text that can be encoded in UTF-8: other bytes of a file name become escapes.

    >>> in_utf8("fall\udce9")
    'fall\\xe9'
    """
    return "".join(_escape(each) if category(each) == "Cs" else each for each in text)


def in_message(text: str) -> str:
    r"""Return a message for a terminal: :func:`visible`, with its own line ends kept.

    The inner lines of a message begin with two spaces. A line end that is not next to such a line
    is part of a name, and is escaped.

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
    r"""Return text that Markdown shows unchanged, in a table or anywhere else in a line.

    >>> print(in_markdown("a|b <i>*c*</i>"))
    a\|b \<i\>\*c\*\</i\>
    """
    return _MARKDOWN_START.sub(r"\1\\\2", visible(text).translate(_MARKDOWN))


def in_latex(text: str) -> str:
    r"""Return text with escaped special characters, so that LaTeX prints them.

    >>> print(in_latex("left_lobe & 95 %"))
    left\_lobe \& 95 \%
    """
    return _LATEX_LIGATURE.sub(r"\1{}", visible(text).translate(_LATEX))


def in_csv(value: Any) -> Any:
    r"""Return a value for a cell of a CSV file; text becomes one line, other values are kept.

    A spreadsheet treats text that begins with ``=``, ``+``, ``-`` or ``@`` as a formula. Such
    text, and text that begins with an apostrophe, is prefixed with an apostrophe.

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
    r"""Return rows as CSV with a header; ``None`` is an empty cell.

    Args:
        columns: Names of the columns.
        rows: Values by column name, or in the order of the columns.

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
    r"""Return text for a string in source code or in a MONAI bundle, with escapes.

    A quotation mark ends a string in source code. In a bundle, text that begins with ``$`` is
    executed, and ``@`` and ``%`` refer to other entries.

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
    r"""Return a value that TOML can store: bytes that are not UTF-8 become NUL and two digits.

    A path may contain such bytes but never NUL, so :func:`from_toml` can restore it.

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
    r"""Return the value that was passed to :func:`in_toml`.

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
