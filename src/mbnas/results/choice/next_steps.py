"""What a user can do next with a study, as commands."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """A command and what it is for.

    Attributes:
        purpose: In a few words.
        command: Quoted for a shell.
        needless_on: Pages that already show what it is for: a file, or a page that is served.
    """

    purpose: str
    command: str
    needless_on: tuple[Literal["file", "served"], ...] = ()


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
    steps: list[NextStep] = []
    if state == "running":
        live = _step("See this page renew itself", "report", path, "--live")
        steps.append(replace(live, needless_on=("served",)))
        steps.append(_step("Watch the search in a terminal", "status", path, "--watch"))
    if state == "stopped":
        steps.append(_step("Resume the search", "search", dataset, path))
    if state == "finished":
        if not is_compared:
            steps.append(_step("Compare with baselines", "compare", path))
        if is_trained:
            steps.append(
                _step("Segment images with the model", "predict", path, "IMAGES", "OUTPUT")
            )
        else:
            steps.append(_step("Train a model to use", "train", path))
        steps.append(_step("Draw figures for a paper", "figures", path))
    return tuple(steps)


def _step(purpose: str, *typed: str | Path) -> NextStep:
    return NextStep(purpose=purpose, command=shlex.join(["mbnas", *map(str, typed)]))
