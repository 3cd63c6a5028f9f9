"""Search for the segmentation network that suits a medical dataset; test it on baselines.

What is public is in ``mbnas.__all__``, :mod:`mbnas.extending` and :mod:`mbnas.testing`; all other
modules may change without notice.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mbnas.version import __version__

if TYPE_CHECKING:
    from mbnas.actions.events import EpochProgress, Message, StageProgress, silent
    from mbnas.api.finding_objects import Comparison, Explanation
    from mbnas.api.model_object import Model, Predictions
    from mbnas.api.network_object import Network
    from mbnas.api.progress_lines import ProgressLines
    from mbnas.api.records import Records
    from mbnas.api.search_object import Ask, Search
    from mbnas.api.standing_objects import Chosen, Status
    from mbnas.api.start import open, search  # noqa: A004
    from mbnas.api.study_object import FrontNetwork, Study
    from mbnas.errors import MbnasError
    from mbnas.prediction.predictor import Predictor
    from mbnas.results.standing.evaluation_rows import Evaluation, Training

# Python makes a package an attribute of its parent when it first imports it, and only then. So
# mbnas.search stays the function, whatever is imported from the package of that name later.
import_module("mbnas.search")
del globals()["search"]

_MODULES = {
    "Ask": "api.search_object",
    "Chosen": "api.standing_objects",
    "Comparison": "api.finding_objects",
    "EpochProgress": "actions.events",
    "Evaluation": "results.standing.evaluation_rows",
    "Explanation": "api.finding_objects",
    "FrontNetwork": "api.study_object",
    "MbnasError": "errors",
    "Message": "actions.events",
    "Model": "api.model_object",
    "Network": "api.network_object",
    "Predictions": "api.model_object",
    "Predictor": "prediction.predictor",
    "ProgressLines": "api.progress_lines",
    "Records": "api.records",
    "Search": "api.search_object",
    "StageProgress": "actions.events",
    "Status": "api.standing_objects",
    "Study": "api.study_object",
    "Training": "results.standing.evaluation_rows",
    "open": "api.start",
    "search": "api.start",
    "silent": "actions.events",
}
"""Where each public name is: it is imported on first use."""

__all__ = [
    "Ask",
    "Chosen",
    "Comparison",
    "EpochProgress",
    "Evaluation",
    "Explanation",
    "FrontNetwork",
    "MbnasError",
    "Message",
    "Model",
    "Network",
    "Predictions",
    "Predictor",
    "ProgressLines",
    "Records",
    "Search",
    "StageProgress",
    "Status",
    "Study",
    "Training",
    "__version__",
    "open",
    "search",
    "silent",
]


def __getattr__(name: str) -> object:
    """Import on first use what is slow to import."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"mbnas.{_MODULES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
