"""What a user can do next with a study, as commands."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """A command and what it is for.

    Attributes:
        purpose: In a few words.
        command: Quoted for a shell.
    """

    purpose: str
    command: str


def next_steps(
    path: Path,
    dataset: str,
    state: Literal["running", "finished", "stopped"],
    *,
    is_compared: bool,
    is_trained: bool,
) -> tuple[NextStep, ...]:
    """Return what can be done next, most important first.

    >>> steps = next_steps(
    ...     Path("my study"), "data", "finished", is_compared=False, is_trained=False
    ... )
    >>> [each.command for each in steps][:2]
    ["mbnas compare 'my study'", "mbnas train 'my study'"]

    Args:
        path: Of the study.
        dataset: Folder of its dataset.
        state: Of its search.
        is_compared: Whether networks were trained again to compare them.
        is_trained: Whether it has a trained model.
    """
    steps: list[tuple[str, list[str]]] = []
    if state == "running":
        steps.append(("See this page renew itself", ["report", str(path), "--live"]))
        steps.append(("Watch the search in a terminal", ["status", str(path), "--watch"]))
    if state == "stopped":
        steps.append(("Resume the search", ["search", dataset, str(path)]))
    if state == "finished":
        if not is_compared:
            steps.append(("Compare with baselines", ["compare", str(path)]))
        if is_trained:
            predict = ["predict", str(path), "IMAGES", "OUTPUT"]
            steps.append(("Segment images with the model", predict))
        else:
            steps.append(("Train a model to use", ["train", str(path)]))
        steps.append(("Draw figures for a paper", ["figures", str(path)]))
    return tuple(
        NextStep(purpose=purpose, command=shlex.join(["mbnas", *typed])) for purpose, typed in steps
    )
