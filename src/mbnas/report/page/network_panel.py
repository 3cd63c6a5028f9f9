"""The panel of one network: what was changed, its drawing, its cost and its scores."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from mbnas.report.charts.learning_chart import draw_learning
from mbnas.report.drawings.svg_drawing import draw_network
from mbnas.report.markup import Markup, element, fragment
from mbnas.results.evaluation_summary import EvaluationSummary, TrainingSummary
from mbnas.results.search_summary import SearchSummary
from mbnas.space.genotype import Genotype
from mbnas.wording import count_text, counted, duration_text, score_text

_CHANGES_IN_TIP, _CHANGES_IN_PANEL = 4, 12


class NetworkPanels:
    """Draws the networks of one study; a block has the same colour in all of them."""

    def __init__(self, summary: SearchSummary) -> None:
        evaluations = [*summary.evaluations, *([summary.unet] if summary.unet else [])]
        genotypes = [Genotype.parse(evaluation.genotype) for evaluation in evaluations]
        self._blocks = {node.block for genotype in genotypes for node in genotype.nodes}
        self._input_name = summary.input_name
        self._class_names = summary.class_names
        self._curves = summary.curves
        self._numbers = {e.genotype: e.number for e in summary.evaluations}

    def template(self, evaluation: EvaluationSummary) -> Markup:
        """Return the tooltip and the panel of an evaluation, which the page's script shows."""
        title = element(
            "div",
            element("h3", f"Evaluation {evaluation.number}", style="margin:0"),
            element("button", "Close", class_="close", type="button", hidden=""),
            class_="title",
        )
        panel = element("div", title, self.panel(evaluation), class_="for-panel")
        tip = element("div", tooltip(evaluation), class_="for-tip")
        return element("template", tip, panel, id=f"evaluation-{evaluation.number}")

    def panel(self, evaluation: EvaluationSummary) -> Markup:
        """Return the network drawn, its genotype, its facts and its scores."""
        genotype = Genotype.parse(evaluation.genotype)
        marked = {change.node for change in evaluation.changes}
        if 2 * len(marked) > len(genotype.nodes):  # too many nodes differ to mark them
            marked = set()
        caption = f"Dashed rings: nodes that differ from {self._name(evaluation.incumbent)}."
        return fragment(
            self._drawn(genotype, marked),
            element("p", caption, class_="quiet small") if marked else None,
            _genotype(evaluation.genotype),
            element(
                "div",
                element("div", element("h3", "The network"), self._facts(evaluation)),
                element("div", element("h3", "Search score by training"), _scores(evaluation)),
                class_="columns",
            ),
            *self._learning(evaluation),
        )

    def _learning(self, evaluation: EvaluationSummary) -> Iterator[Markup]:
        """Yield how the network learned, or for which networks the page shows that."""
        if not self._curves:
            return
        yield element("h3", "Learning curves")
        curves = self._curves.get(evaluation.digest)
        if curves is not None:
            yield draw_learning(curves, self._class_names)
            return
        words = f"This page has those of {len(self._curves)} networks: the latest and the best."
        yield element("p", words, class_="quiet small")

    def drawing(self, genotype: Genotype) -> Markup:
        """Return a network that the search did not ask for, drawn, and its text."""
        return fragment(self._drawn(genotype, ()), _genotype(str(genotype)))

    def _drawn(self, genotype: Genotype, marked: Collection[int]) -> Markup:
        drawing = draw_network(genotype, blocks=self._blocks, marked=marked, inline=True)
        return element("div", Markup(drawing), class_="drawing")

    def _facts(self, evaluation: EvaluationSummary) -> Markup:
        facts = [
            ("Search score", score_text(evaluation.score, evaluation.sd)),
            ("Tried", evaluation.why),
        ]
        if evaluation.changes:
            words = change_lines(evaluation, _CHANGES_IN_PANEL)
            changes = [element("div", change) for change in words]
            facts.append((f"From {self._name(evaluation.incumbent)}", fragment(*changes)))
        facts += [
            ("Parameters", count_text(evaluation.parameters)),
            ("Multiply-accumulates", f"{count_text(evaluation.macs)} for one {self._input_name}"),
            ("Time", duration_text(evaluation.wall_s)),
            ("Digest", element("code", evaluation.digest)),
        ]
        pairs = (element("dt", name) + element("dd", value) for name, value in facts)
        return element("dl", *map(Markup, pairs), class_="facts")

    def _name(self, genotype: str | None) -> str:
        number = self._numbers.get(genotype or "")
        return "the incumbent" if number is None else f"evaluation {number}"


def tooltip(evaluation: EvaluationSummary) -> Markup:
    """Return the lines that appear next to a point of the chart."""
    changes = change_lines(evaluation, _CHANGES_IN_TIP)
    head = element(
        "p",
        element("span", f"Evaluation {evaluation.number}"),
        element("span", score_text(evaluation.score, evaluation.sd)),
        class_="head",
    )
    return fragment(
        head,
        element("p", f"tried {evaluation.why}", class_="quiet"),
        element("ul", *(element("li", change) for change in changes)) if changes else None,
        *(element("p", problem, class_="warn") for problem in problems_of(evaluation)),
    )


def change_lines(evaluation: EvaluationSummary, most: int) -> list[str]:
    """Return at most ``most`` lines on the genes in which a network differs.

    >>> evaluation = EvaluationSummary(
    ...     number=2, genotype="0vgg3-1vgg3-0dense3", digest="", why="random draw", score=0.4,
    ...     incumbent="1vgg5-1vgg3-0vgg3",
    ... )
    >>> change_lines(evaluation, 2)
    ['node 1: level 1 → 0', 'and 2 more genes']
    """
    changes = [str(change) for change in evaluation.changes]
    if len(changes) <= most:
        return changes
    return [*changes[: most - 1], f"and {len(changes) - most + 1} more genes"]


def problems_of(evaluation: EvaluationSummary) -> list[str]:
    """Return the problems of an evaluation's trainings as text.

    >>> evaluation = EvaluationSummary(
    ...     number=1, genotype="0vgg3", digest="", why="start 1", score=0.4,
    ...     trainings=(TrainingSummary(fold=1, initialisation=1, score=0.4, collapsed=("tail",)),),
    ... )
    >>> problems_of(evaluation)
    ['1 of 1 training collapsed']
    """
    of_all = f"of {counted(len(evaluation.trainings), 'training')}"
    problems = []
    if evaluation.num_collapsed:
        problems.append(f"{evaluation.num_collapsed} {of_all} collapsed")
    if evaluation.num_failed:
        problems.append(f"{evaluation.num_failed} {of_all} failed")
    if evaluation.dropped is not None:
        problems.append(str(evaluation.dropped))
    elif not evaluation.trainings and evaluation.score is None:
        problems.append("could not be scored")
    return problems


def evaluation_link(evaluation: EvaluationSummary) -> Markup:
    """Return the number of an evaluation as a link to its panel."""
    return element("a", evaluation.number, href=f"#evaluation-{evaluation.number}")


def genotype_text(text: str) -> Markup:
    """Return a genotype with line breaks allowed only between its nodes."""
    return Markup("-<wbr>".join(fragment(node) for node in text.split("-")))


def _genotype(text: str) -> Markup:
    button = element("button", "Copy", class_="copy", type="button", hidden="")
    return element("div", element("code", genotype_text(text)), button, class_="genotype")


def _scores(evaluation: EvaluationSummary) -> Markup:
    """Return the table of scores with one row per fold and one column per initialisation."""
    if not evaluation.trainings:
        return element("p", "No training is recorded.", class_="quiet")
    cells = {(t.fold, t.initialisation): t for t in evaluation.trainings}
    columns = sorted({initialisation for _, initialisation in cells})
    over = element("th", "initialisation", colspan=len(columns), scope="colgroup")
    head = fragment(
        element("tr", element("td", ""), over),
        element(
            "tr", element("td", ""), *(element("th", column, scope="col") for column in columns)
        ),
    )
    rows = [
        element(
            "tr",
            element("th", f"fold {fold}", scope="row"),
            *(_score_cell(cells.get((fold, column))) for column in columns),
        )
        for fold in sorted({fold for fold, _ in cells})
    ]
    table = element("table", element("thead", head), element("tbody", *rows))
    problems = "; ".join(problems_of(evaluation))
    return fragment(
        element("div", table, class_="wide"),
        element("p", f"{problems}.", class_="warn small") if problems else None,
    )


def _score_cell(training: TrainingSummary | None) -> Markup:
    if training is None:
        return element("td", "", class_="quiet")
    if training.score is None:
        return element("td", "failed", class_="warn", title=training.error)
    if training.problem:
        text = f"{score_text(training.score)} ◌"
        return element("td", text, class_="warn", title=training.problem)
    return element("td", score_text(training.score))
