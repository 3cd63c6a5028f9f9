"""The section with everything needed to repeat a study."""

from __future__ import annotations

from collections.abc import Mapping

from mbnas.report.markup import Markup, element, fragment
from mbnas.report.page.citing import copied_text
from mbnas.results.search_summary import SearchSummary


def repeating_section(summary: SearchSummary) -> Markup:
    """Return the commands, the digests and seeds, the versions and the configuration."""
    return element(
        "section",
        element("h2", "Repeat it"),
        *_commands(summary),
        facts_list(summary.identity) if summary.identity else None,
        element(
            "details",
            element("summary", "Configuration: study.toml"),
            copied_text(summary.configuration_toml.strip()),
            class_="printed",
        ),
        element(
            "details",
            element("summary", "Versions"),
            facts_list(summary.versions),
            class_="printed",
        ),
        id="repeat",
    )


def facts_list(facts: Mapping[str, str]) -> Markup:
    """Return names and values in two columns."""
    pairs = (
        fragment(element("dt", name), element("dd", element("code", value)))
        for name, value in facts.items()
    )
    return element("dl", *pairs, class_="facts")


def _commands(summary: SearchSummary) -> tuple[Markup, ...]:
    if not summary.commands:
        return ()
    words = (
        "Save the configuration below as study.toml. With the same data and versions on the same "
        "kind of device, these commands train the same networks on the same batches. On the same "
        "machine, the weights are the same bit for bit."
    )
    return element("p", words), copied_text("\n".join(summary.commands))
