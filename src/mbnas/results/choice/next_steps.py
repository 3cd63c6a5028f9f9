"""What a user can do next with a study, as commands: for its page and for the terminal."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Page = Literal["file", "served"]
"""A page that is a file, or one that is served and renews itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """A command and what it is for.

    Attributes:
        purpose: In a few words.
        command: Quoted for a shell.
        needless_on: Pages that already show what it is for.
    """

    purpose: str
    command: str
    needless_on: tuple[Page, ...] = ()


def next_steps(
    path: Path,
    dataset: str,
    state: str,
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
        state: Of its search: ``running``, ``finished`` or ``stopped``.
        is_compared: Whether networks were trained again to compare them.
        is_trained: Whether it has a trained model that needs no name.
    """
    if state == "running":
        live = ("report", path, "--live")
        return (
            step_of("See this page renew itself", *live, needless_on=("served",)),
            step_of("Watch the search in a terminal", "status", path, "--watch"),
        )
    if state == "stopped":
        return (step_of("Resume the search", "search", dataset, path),)
    compare = step_of("Compare with baselines", "compare", path)
    train = step_of("Train a model to use", "train", path)
    return (
        *(() if is_compared else (compare,)),
        *(model_steps(path) if is_trained else (train,)),
        step_of("See what mattered", "explain", path, needless_on=("file", "served")),
        step_of("Draw figures for a paper", "figures", path),
    )


def model_steps(path: Path) -> tuple[NextStep, ...]:
    """Return what can be done with a model, given its folder or that of its study."""
    return (
        step_of("Segment images with the model", "predict", path, "IMAGES", "OUTPUT"),
        step_of("Export the model", "export", path, "OUTPUT", "--to", "onnx"),
    )


def step_of(purpose: str, *typed: str | Path, needless_on: tuple[Page, ...] = ()) -> NextStep:
    """Return a step whose command is these words after ``mbnas``."""
    command = shlex.join(["mbnas", *map(str, typed)])
    return NextStep(purpose=purpose, command=command, needless_on=needless_on)
