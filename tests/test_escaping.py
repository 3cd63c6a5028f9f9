"""Any name is written in full to every format, and is never interpreted.

Each format is read back by an independent reader.
"""

import ast
import csv
import io
import re
import tomllib

import tomli_w
from hypothesis import example, given
from markdown_it import MarkdownIt
from monai.bundle import ConfigParser

from mbnas.escaping import (
    csv_text,
    from_toml,
    in_latex,
    in_markdown,
    in_message,
    in_source,
    in_toml,
    visible,
)

from .names import NAMES, shapeless

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
LATEX = {
    r"\textbackslash{}": "\\",
    r"\textasciitilde{}": "~",
    r"\textasciicircum{}": "^",
    r"\textasciigrave{}": "`",
    r"\textbar{}": "|",
    r"\textendash{}": "–",
    r"$\pm$": "±",
    r"$\times$": "×",
    r"$\alpha$": "α",
    "$<$": "<",
    "$>$": ">",
    "$-$": "−",
    "{}": "",
    **{f"\\{each}": each for each in "&%$#_{}"},
}


@given(NAMES)
def test_invisible_characters_are_escaped_and_others_kept(name):
    shown = visible(name)
    assert not shapeless(shown)
    assert shown == name or shapeless(name)
    shaped = [each for each in name if not shapeless(each)]
    rest = iter(shown)
    assert all(each in rest for each in shaped)  # in the same order


def test_control_characters_direction_marks_and_bytes_are_escaped():
    assert visible("a\x1b[31m\x00\x7f\x85") == r"a\x1b[31m\x00\x7f\x85"
    assert visible("\u202ecod.exe\u2028") == r"\u202ecod.exe\u2028"
    assert visible("fall\udce9") == r"fall\xe9"
    assert visible("leber é 肝脏 מוח 😀") == "leber é 肝脏 מוח 😀"


@given(NAMES)
def test_a_message_keeps_only_its_own_line_ends(name):
    message = f"{name.strip()} differs:\n  seed: 1, 2\n  {name.strip()}: 3, 4\nLeave it out."
    shown = in_message(message)
    assert not shapeless(shown.replace("\n", ""))
    if "\n  " not in name and "  \n" not in name:
        assert len(shown.split("\n")) == 4


@given(NAMES)
@example("~~a~~")
def test_markdown_shows_the_name_in_a_table_a_list_and_a_heading(name):
    text = in_markdown(name)
    page = f"# {text}\n\n| head | {text} |\n| --- | --- |\n| **{text}x** | {text} |\n\n- {text}\n"
    shown = [each for each in MARKDOWN.parse(page) if each.type == "inline"]
    expected = visible(name).strip()
    assert [each.content for each in shown][1] == "head"
    texts = ["".join(part.content for part in each.children) for each in shown]
    kinds = {part.type for each in shown for part in each.children}
    assert kinds <= {"text", "text_special", "strong_open", "strong_close"}
    heading, _, head, _, cell, item = texts if expected else ["", "", "", "", "", ""]
    assert {heading, head, cell, item} == {expected} or not expected


@given(NAMES)
def test_latex_prints_the_name(name):
    text = in_latex(name)
    parts = re.findall("|".join(map(re.escape, sorted(LATEX, key=len, reverse=True))) + "|.", text)
    assert "".join(parts) == text
    assert "".join(LATEX.get(each, each) for each in parts) == visible(name)
    bare = [each for each in parts if each not in LATEX]
    assert not set(bare) & set("\\&%$#_{}~^`|<>")
    assert "--" not in text
    assert "''" not in text


@given(NAMES)
def test_csv_returns_the_name_and_never_a_formula(name):
    text = csv_text([name, "b"], [{name: name, "b": -1.5}, (name, None)])
    rows = list(csv.reader(io.StringIO(text, newline="")))
    text.encode()
    expected = visible(name)
    if expected.startswith(("=", "+", "-", "@", "'")):  # a spreadsheet shows it without the first
        expected = f"'{expected}"
    assert [row[0] for row in rows] == [expected] * 3
    assert text.count("\n") == 3
    assert [row[1] for row in rows] == ["b", "-1.5", ""]


@given(NAMES)
def test_toml_returns_a_path(name):
    value = {"dataset": name.replace("\0", ""), "list": [name.replace("\0", ""), 3]}
    if re.search("[\ud800-\udc7f\udd00-\udfff]", name):
        return  # no file can be called so
    text = tomli_w.dumps(in_toml(value))
    assert from_toml(tomllib.loads(text.encode().decode())) == value


@given(NAMES)
def test_source_and_monai_contain_the_name_as_text(name):
    text = in_source(name)
    source = f'"""Classes: {text}."""\nnames = "{text}"\n'
    found = ast.parse(source.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass"))
    assert ast.literal_eval(found.body[1].value) == name
    assert len(found.body) == 2
    parser = ConfigParser({"name": text, "network": "secret", "of": f"Segmentation of {text}"})
    assert parser.get_parsed_content("name") == text
    assert parser.get_parsed_content("of") == f"Segmentation of {text}"
