"""Find the folder of a model: given directly, or by a name in a study."""

from __future__ import annotations

from pathlib import Path

from mbnas.errors import ModelError
from mbnas.prediction.model.model_card import CARD

WEIGHTS, BEST = "weights", "best"


def has_model(study: Path) -> bool:
    """Return whether a study has a trained model that needs no name."""
    try:
        find_model(study)
    except ModelError:
        return False
    return True


def find_model(path: Path, name: str | None = None) -> Path:
    """Return the folder of a model.

    Args:
        path: The folder itself, or a study, whose models are in ``weights``.
        name: Name of one of a study's models; if ``None``, the only one or ``best``.

    Raises:
        ModelError: if there is no such model, or there are several and no name is given.
    """
    if (path / CARD).is_file():
        if name is not None:
            raise ModelError(
                f"{path} is itself a model, so it has no model {name}: omit the name, "
                "or give the study."
            )
        return path
    if not path.is_dir():
        raise ModelError(f"{path} is not a folder: give a study, or the folder of a model.")
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
