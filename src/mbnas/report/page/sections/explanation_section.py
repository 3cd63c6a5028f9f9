"""What mattered in a search: the verdict, effects of choices, shares of variance, and a path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mbnas.report.charts.effects_chart import (
    draw_choices,
    draw_choices_key,
    draw_path,
    draw_path_key,
)
from mbnas.report.markup import Content, Markup, element
from mbnas.report.tables.html_table import html_table
from mbnas.results.explanation.findings import AblationPath, Effect, Explanation
from mbnas.results.explanation.verdict import (
    HOLD_TOGETHER,
    SHARE_NAMES,
    SHARES_ARE,
    WORDS,
    advice,
    choice_text,
    compared_with,
    dice_text,
    interval_text,
    pair_text,
    path_title,
    percent_text,
    told_genes,
    told_pairs,
    untried_text,
    verdict,
)

STEPS_ARE = (
    "A bar begins where the one before ends. Its interval is that of the step alone: if the place "
    "where the bar begins is within it, the step cannot be told from 0. The last bar is all steps "
    "together."
)


def explanation_section(explanation: Explanation | None) -> Markup | None:
    """Return what mattered in a search; ``None`` if nothing was computed."""
    if explanation is None:
        return None
    help_text = advice(explanation)
    return element(
        "section",
        element("h2", "What mattered"),
        *(element("p", sentence) for sentence in verdict(explanation)),
        None if help_text is None else element("p", help_text, class_="quiet"),
        *_tables(explanation),
        id="explanation",
    )


def _tables(explanation: Explanation) -> Iterator[Markup]:
    if explanation.choices:
        yield element("h3", "What each choice gives, in Dice")
        yield element(
            "figure",
            draw_choices(explanation.choices, "broad"),
            draw_choices(explanation.choices, "narrow"),
            draw_choices_key(explanation.choices),
        )
        yield _effects(
            ("choice", "networks"),
            [
                ((choice_text(each.choice), each.num_networks), each.effect)
                for each in explanation.choices
            ],
        )
        if (untried := untried_text(explanation)) is not None:
            yield element("p", untried)
        yield element("p", f"{compared_with(explanation)} {HOLD_TOGETHER}", class_="quiet small")
    if explanation.shares:
        yield element("h3", "Shares of the variance of true scores")
        yield html_table(
            ("what", "share", "95 % interval"),
            [
                element(
                    "tr",
                    element("td", SHARE_NAMES[each.name], class_="words"),
                    element("td", percent_text(each.mean)),
                    element("td", f"{percent_text(each.low)} to {percent_text(each.high)}"),
                )
                for each in explanation.shares
            ],
            words=(0,),
        )
        yield element("p", SHARES_ARE, class_="quiet small")
    if explanation.path is not None:
        yield from _path(explanation.path)
    yield from _told(explanation)


def _path(path: AblationPath) -> Iterator[Markup]:
    yield element("h3", f"{path_title(path)}, in Dice")
    yield element(
        "figure",
        draw_path(path, "broad"),
        draw_path(path, "narrow"),
        draw_path_key(path),
        element("figcaption", STEPS_ARE, class_="quiet small"),
    )
    steps = [((each.change,), each.gain) for each in path.steps]
    yield _effects(("step",), [*steps, (("all steps",), path.total)])


def _told(explanation: Explanation) -> Iterator[Markup]:
    pairs, rest = told_pairs(explanation)
    if pairs:
        yield element("h3", "What pairs of choices give beyond each alone, in Dice")
        yield _effects(("pair",), [((pair_text(each.pair),), each.effect) for each in pairs])
    if rest is not None:
        yield element("p", rest, class_="quiet small")
    genes, rest = told_genes(explanation)
    if genes:
        yield element("h3", "What genes of single nodes give, in Dice")
        yield _effects(
            ("gene", "value"),
            [
                ((f"node {each.gene.node} {each.gene.gene}", each.gene.value), each.effect)
                for each in genes
            ],
        )
    if rest is not None:
        yield element("p", rest, class_="quiet small")


def _effects(heads: tuple[str, ...], rows: Sequence[tuple[tuple[Content, ...], Effect]]) -> Markup:
    """Return a table of effects with their intervals; what is told is strong."""
    made = [
        element(
            "tr",
            element("td", cells[0], class_="words"),
            *(element("td", each) for each in cells[1:]),
            element("td", dice_text(effect.mean)),
            element("td", interval_text(effect)),
            element("td", WORDS[effect.finding], class_="words"),
            class_=None if effect.finding == "open" else "strong",
        )
        for cells, effect in rows
    ]
    columns = (*heads, "effect", "95 % interval", "finding")
    return html_table(columns, made, words=(0, len(columns) - 1))
