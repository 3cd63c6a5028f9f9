"""The page of results on real data, and its figure, from what the protocol's commands printed.

    python benchmarks/evidence.py > docs/results/README.md

Each folder of docs/results that has `compare.json` is a dataset: there are the outputs of
`mbnas status --json` (`status.json`), `mbnas explain` (`explain.txt`), `mbnas compare --json` of
the protocol's first command (`compare.json`) and, once it ran, its second (`baselines.json`), and
tables of all trainings. `notes.txt` says how it ran. The figure is written beside the page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from mbnas.wording import count_text

RESULTS = Path(__file__).parents[1] / "docs/results"
FIGURE = "cost.svg"
DATASETS = {
    "hippocampus": "Hippocampus, MRI",
    "usgra": "Nerves and vessels, ultrasound",
    "chase": "Vessels, fundus photographs",
    "sarcoma": "Sarcoma, CT",
}
MARGIN, FEW_MACS = -0.005, 1 / 5
"""Of the protocol: what is *not worse*, and *cheaper*."""

INTRODUCTION = """\
# Results on real data

What `mbnas search` chose, judged on patients that no training and no choice had seen. The
[protocol](protocol.md) was written before the runs; nothing was chosen afterwards. Made by
`python benchmarks/evidence.py` from the files in the folders of this page. [Older
results](archive/README.md) were made before later changes.

{table}

Mean over patients and their networks, in brackets its 95 % interval over patients; HD95 in mm, or
pixels for pictures, surface Dice within 2. U-Net (VGG-13) and ResU-Net are of one initialisation,
the others of three, each on three folds. Multiply-accumulates (MACs) and latency are of one slice;
latency by one core of a machine that was not idle.
"""

SHOWN = "![Dice on held-out patients against multiply-accumulates]({figure})\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What was recorded of a dataset.

    Attributes:
        key: Name of its folder.
        compared: The chosen network and the U-Net genotype.
        baselines: These and the baselines, of one initialisation; ``None`` before it ran.
        status: Of the search.
        explained: What mattered, as text.
        notes: On how it ran, as Markdown.
    """

    key: str
    compared: Mapping[str, Any]
    baselines: Mapping[str, Any] | None
    status: Mapping[str, Any]
    explained: str
    notes: str

    @property
    def title(self) -> str:
        """Its name on the page."""
        return DATASETS[self.key]

    @property
    def chosen_name(self) -> str:
        """What the table calls the chosen network, which may be the U-Net genotype itself."""
        chosen, *others = self.compared["networks"]
        return "**chosen**" if others else f"**chosen**, the {chosen['name'].split(' (')[0]}"

    @property
    def networks(self) -> tuple[Mapping[str, Any], ...]:
        """The chosen network, the U-Net genotype and the baselines, each where it has most data."""
        known = self.compared["networks"]
        names = {each["network"] for each in known}
        more = () if self.baselines is None else self.baselines["networks"]
        return (*known, *(each for each in more if each["network"] not in names))


def main() -> None:
    """Print the page and write its figure."""
    datasets = [each for key in DATASETS if (each := read(RESULTS / key)) is not None]
    compared = [each for each in datasets if len(each.networks) > 1]
    if compared:
        draw(compared).savefig(RESULTS / FIGURE, metadata={"Date": None})
    print(page(datasets, has_figure=bool(compared)), end="")


def read(folder: Path) -> Dataset | None:
    """Return what was recorded in a folder, ``None`` if nothing was."""
    if not (folder / "compare.json").exists():
        return None
    baselines = folder / "baselines.json"
    return Dataset(
        key=folder.name,
        compared=json.loads((folder / "compare.json").read_text("utf-8")),
        baselines=json.loads(baselines.read_text("utf-8")) if baselines.exists() else None,
        status=json.loads((folder / "status.json").read_text("utf-8")),
        explained=(folder / "explain.txt").read_text("utf-8"),
        notes=(folder / "notes.txt").read_text("utf-8").strip(),
    )


def page(datasets: Sequence[Dataset], *, has_figure: bool) -> str:
    """Return the page as Markdown."""
    parts = [INTRODUCTION.format(table=table(datasets))]
    if has_figure:
        parts.append(SHOWN.format(figure=FIGURE))
    missing = [title for key, title in DATASETS.items() if key not in {d.key for d in datasets}]
    if missing:
        parts.append(f"Not run yet: {'; '.join(missing)}.\n")
    parts += [section(each) for each in datasets]
    return "\n".join(parts)


def table(datasets: Sequence[Dataset]) -> str:
    """Return the table of datasets and networks."""
    lines = [
        "| dataset | network | Dice | HD95 | surface Dice | weights | MACs | latency (ms) |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for dataset in datasets:
        for number, network in enumerate(dataset.networks):
            cells = [
                f"**{dataset.title}**" if number == 0 else "",
                network["name"] if number else dataset.chosen_name,
                *(interval(network, metric) for metric in ("dice", "hd95_mm", "surface_dice")),
                count_text(network["parameters"]),
                count_text(network["multiply_accumulates"]),
                f"{network['latency_ms']:.2g}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def interval(network: Mapping[str, Any], metric: str) -> str:
    """Return a metric on held-out patients with its interval."""
    found = held_out(network, metric)
    digits = 2 if metric == "hd95_mm" else 3
    mean, low, high = (found[key] for key in ("mean", "low", "high"))
    return f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def held_out(network: Mapping[str, Any], metric: str) -> Mapping[str, Any]:
    """Return the mean over classes of a metric on held-out patients."""
    (found,) = (
        each
        for each in network["measures"]
        if (each["patients"], each["metric"], each["class"]) == ("held out", metric, None)
    )
    return found


def verdict(dataset: Dataset) -> str:
    """Return what the protocol decides on the chosen network, as sentences."""
    chosen, *others = dataset.compared["networks"]
    if not others:
        return (
            "The search chose the U-Net genotype itself: no network was shown to be better. The "
            "difference is 0 by definition: *not worse, not better, not cheaper*."
        )
    (reference,) = others
    (found,) = dataset.compared["differences"]
    sign = 1 if found["first"] == chosen["name"] else -1
    low, high = sorted((sign * found["low"], sign * found["high"]))
    share = chosen["multiply_accumulates"] / reference["multiply_accumulates"]
    words = list(decided(low, high, share))
    return (
        f"Dice of the chosen network minus that of the U-Net genotype, on {found['patients']} "
        f"held-out patients: {sign * found['mean_difference']:+.4f} (95 % interval {low:+.4f} to "
        f"{high:+.4f}), with {share:.0%} of its multiply-accumulates and "
        f"{chosen['parameters'] / reference['parameters']:.0%} of its weights. By the protocol: "
        f"**{', '.join(words)}**."
    )


def decided(low: float, high: float, share: float) -> Iterator[str]:
    """Yield what an interval of the difference and a share of the cost decide."""
    if high < 0:
        yield "failure: worse"
    elif low <= MARGIN:
        yield "undecided"
    else:
        yield "better" if low > 0 else "not worse"
        if share <= FEW_MACS:
            yield "as good and cheaper"


def section(dataset: Dataset) -> str:
    """Return the part of the page on one dataset."""
    status = dataset.status
    chosen = status["chosen"]
    files = (
        "compare.json",
        "status.json",
        "evaluations.csv",
        "trainings.csv",
        "study.toml",
        "log.txt",
    )
    links = ", ".join(f"[{name}]({dataset.key}/{name})" for name in files)
    counts = (
        f"{status['trainings']} trainings of {status['evaluated']} networks and the confirmation. "
        f"The chosen network, `{chosen['genotype']}`, is evaluation {chosen['number']}."
    )
    parts = [f"## {dataset.title}", verdict(dataset)]
    if dataset.baselines is not None:
        claims = [f"- {each}" for each in dataset.baselines["claims"]]
        parts.append("\n".join(["Secondary, from one initialisation each:", "", *claims]))
    parts += [counts, dataset.notes, f"Files: {links}."]
    parts += ["What `mbnas explain` says:", f"```\n{dataset.explained.strip()}\n```\n"]
    return "\n\n".join(parts)


def draw(datasets: Sequence[Dataset]) -> Figure:
    """Return Dice with its interval against multiply-accumulates, a panel for each dataset."""
    figure = Figure(figsize=(3.4 * len(datasets), 3.2), layout="constrained")
    for number, dataset in enumerate(datasets, 1):
        axes = figure.add_subplot(1, len(datasets), number)
        for place, network in enumerate(dataset.networks):
            found = held_out(network, "dice")
            mean, low, high = (found[key] for key in ("mean", "low", "high"))
            axes.errorbar(
                [network["multiply_accumulates"]],
                [mean],
                yerr=[[mean - low], [high - mean]],
                fmt="o",
                color="C3" if place == 0 else f"C{place - 1}",
                capsize=2,
                label="chosen" if place == 0 else network["name"],
            )
        axes.set(xscale="log", title=dataset.title, xlabel="multiply-accumulates")
        axes.margins(x=0.25, y=0.15)
        axes.title.set_fontsize(9)
        axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.28), ncols=2)
        if number == 1:
            axes.set_ylabel("Dice, held-out patients")
    return figure


if __name__ == "__main__":
    main()
