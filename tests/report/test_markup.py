from html.parser import HTMLParser
from xml.etree import ElementTree as ET

from hypothesis import given

from mbnas.escaping import visible
from mbnas.report.markup import Markup, element, fragment

from ..names import NAMES


class Read(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@given(text=NAMES, value=NAMES)
def test_any_text_stays_text_and_any_value_stays_a_value_in_svg(text, value):
    parsed = ET.fromstring(element("p", text, title=value.replace("\n", "")))

    assert (parsed.text or "") == visible(text, keep="\n")
    assert parsed.get("title") == visible(value.replace("\n", ""))
    assert len(parsed) == 0


@given(text=NAMES, value=NAMES)
def test_any_text_stays_text_and_any_value_stays_a_value_in_html(text, value):
    read = Read(element("p", text, title=value))

    assert read.tags == [("p", {"title": visible(value, keep="\n")})]
    assert read.text == visible(text, keep="\n")


def test_markup_is_not_escaped_again_and_none_is_left_out():
    assert fragment(Markup("<b>"), None, "<b>", 3) == "<b>&lt;b&gt;3"


def test_attributes_that_are_none_are_left_out():
    assert element("p", data_node=None, class_="x") == '<p class="x"></p>'
