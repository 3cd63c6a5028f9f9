from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from mbnas.report.markup import Markup, element, fragment

VISIBLE = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc", "Cn")))


@given(text=VISIBLE, value=VISIBLE)
def test_any_text_stays_text_and_any_value_stays_a_value(text, value):
    parsed = ET.fromstring(element("p", text, title=value))

    assert (parsed.text or "") == text
    assert parsed.get("title") == value
    assert len(parsed) == 0


def test_markup_is_left_as_it_is_and_nothing_is_nothing():
    assert fragment(Markup("<b>"), None, "<b>", 3) == "<b>&lt;b&gt;3"


def test_attributes_that_are_none_are_left_out():
    assert element("p", data_node=None, class_="x") == '<p class="x"></p>'
