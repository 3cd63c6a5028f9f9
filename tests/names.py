"""Names that a dataset may have, for the property tests of every output format."""

import unicodedata

from hypothesis import strategies as st

WORST = (
    "[left]", "[/red]", "[bold]x", ":heart:", "left\nkidney", "a\r\nb", "tab\there", "\x1b[31mred",
    "\x1b]0;title\x07", "\x00", "'", '"', "''", '"""', "\\", "\\\\", "\\n",
    "<script>alert(1)</script>", "</pre>", "&amp;", "&", "]]>", "-->", "a|b", "|", "=1+1", "+1",
    "-1", "@SUM(A1)", "'=1", "#1", "# x", "- x", "1. x", "---", "===", "*a*", "_a_", "__a__",
    "`a`", "``", "~~a~~", "[a](b)", "![a](b)", "<a@b.de>", "$x$", "$", "$$", "$print(1)",
    "@network", "%ref", "{}", "{0}", "${x}", "%s", "\\input{x}", "\\%", "^", "~", "\u202eevil",
    "\u2066x\u2069", "\ufeff", "\u2028", "\u2029", "\x85", "\ufffe", "\U000e0001", "\udcff",
    "patient\udce9", "\ud800", "é", "肝脏", "מוח", "😀", "a  b", ",", ";", "a,b", "",
)  # fmt: skip

NAMES = st.one_of(
    st.sampled_from(WORST),
    st.lists(st.sampled_from(WORST), min_size=2, max_size=4).map("".join),
    st.text(st.characters(exclude_categories=()), max_size=12),
)


def shapeless(text):
    """The characters of a text that have no shape of their own."""
    return [each for each in text if unicodedata.category(each)[0] == "C" or each in "\u2028\u2029"]
