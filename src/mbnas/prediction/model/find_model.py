"""Where the model is that a person names: a folder of its own, or one of a study's."""

from __future__ import annotations

from pathlib import Path

from mbnas.errors import ModelError
from mbnas.prediction.model.model_card import CARD

WEIGHTS, BEST = "weights", "best"


def find_model(path: Path, name: str | None = None) -> Path:
    """Return the folder of a model.

    Args:
        path: The folder itself, or a study, whose models are in ``weights``.
        name: Which of a study's models; if ``None``, the only one or the one called ``best``.

    Raises:
        ModelError: if there is none of that name, none at all, or several and no name.
    """
    if (path / CARD).is_file():
        if name is not None:
            raise ModelError(
                f"{path} is a model itself, so there is no {name} to choose in it: leave the name "
                "out, or give the study."
            )
        return path
    if not path.is_dir():
        raise ModelError(f"{path} is no folder: give a study, or the folder of a model.")
    found = sorted(card.parent.name for card in (path / WEIGHTS).glob(f"[!.]*/{CARD}"))
    if not found:
        raise ModelError(f"{path} holds no trained model. Train one with: mbnas train {path}")
    if name is None and len(found) > 1 and BEST not in found:
        raise ModelError(
            f"{path} holds {len(found)} models, none of them called {BEST}: name one of "
            f"{', '.join(found)}."
        )
    chosen = name or (BEST if BEST in found else found[0])
    if chosen not in found:
        raise ModelError(
            f"{path} holds no trained model {chosen}: there is {', '.join(found)}. Name one of "
            "these, or train it."
        )
    return path / WEIGHTS / chosen
