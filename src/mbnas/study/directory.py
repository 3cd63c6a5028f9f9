"""A study directory: its files, and which configuration it has.

``study.toml`` is the last file that a new study gets; it is written again only if the dataset
was moved. The ledger keeps a copy of it. So a directory is a study if it has a ``study.toml``,
or a ledger in which anything is recorded. Such a ledger is never removed, and a missing
``study.toml`` is restored from it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mbnas.errors import ConfigurationError, StudyError
from mbnas.machine.files import write_text
from mbnas.prediction.model.find_model import WEIGHTS
from mbnas.study.configuration import Configuration
from mbnas.study.configuration_layers import build, difference_lines, differences
from mbnas.study.configuration_toml import parse_toml, read_bounded
from mbnas.study.ledger.facts import CONFIGURATION as KEPT_CONFIGURATION
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.lock import LOCK_NAME

CONFIGURATION, LEDGER, SLICES, REPORT = "study.toml", "ledger.sqlite", "slices", "report.html"
COMPARISON, FIGURES, LOG = "comparison", "figures", "log"
UNFINISHED_LOG = ".writing"
"""The folder, inside that of live logs, of a log that is being written."""
STUDY_FILES = frozenset(
    (
        CONFIGURATION,
        LEDGER,
        f"{LEDGER}-journal",
        SLICES,
        REPORT,
        COMPARISON,
        FIGURES,
        LOG,
        LOCK_NAME,
        WEIGHTS,
    )
)
"""The names of all files and folders of a study."""
STUDY_FOLDERS = frozenset((SLICES, COMPARISON, FIGURES, LOG, WEIGHTS))
"""Those of the folders among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A directory and the configuration of its search.

    Attributes:
        path: The directory.
        configuration: Resolved in full.
        shared_slices: The folder of prepared slices that studies of the same data share; with
            ``None``, they are in the study.
    """

    path: Path
    configuration: Configuration
    shared_slices: Path | None = None

    @property
    def ledger(self) -> Path:
        """The SQLite file of networks, trainings and epochs."""
        return self.path / LEDGER

    @property
    def slices(self) -> Path:
        """The folder of prepared slices, one folder per digest; a link if they are shared."""
        return self.path / SLICES

    @property
    def report(self) -> Path:
        """The page that a person reads."""
        return self.path / REPORT

    @property
    def figures(self) -> Path:
        """The folder of figures for papers."""
        return self.path / FIGURES

    @property
    def log(self) -> Path:
        """The folder of live logs."""
        return self.path / LOG

    @property
    def comparison(self) -> Path:
        """The folder of tables of the comparison."""
        return self.path / COMPARISON

    @property
    def is_begun(self) -> bool:
        """Whether the directory is a study already."""
        return is_begun(self.path)

    @classmethod
    def open(cls, path: Path) -> Study:
        """Return the study at ``path``.

        Raises:
            StudyError: if it is not a study.
            ConfigurationError: if its ``study.toml`` is damaged.
        """
        file = path / CONFIGURATION
        try:
            text = read_bounded(file, source="it")
            configuration = build(parse_toml(text, source="it"))
            _check_as_kept(path, configuration)
            return cls(path=path, configuration=configuration)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            raise StudyError(f"{file} cannot be read: {error.strerror}.") from error
        except ConfigurationError as error:
            what = str(error)
            raise ConfigurationError(
                f"{file} is damaged: {what} Commands change only the path of the dataset in this "
                f"file. {_remedy(path)}"
            ) from error
        if (kept := _kept_configuration(path)) is not None:
            return cls(path=path, configuration=kept)
        raise StudyError(
            f"{path} is not a study: it has no {CONFIGURATION}. "
            f"Begin one with: mbnas search DATASET {path}"
        )

    def with_dataset(self, place: Path | None) -> Study:
        """Return the study with its dataset at another place; unchanged if ``None``."""
        if place is None:
            return self
        return replace(
            self, configuration=replace(self.configuration, dataset=absolute_path(place))
        )

    def write_configuration(self) -> None:
        """Write ``study.toml``, which makes the directory a study.

        Raises:
            WriteError: if it cannot be written.
        """
        write_text(self.path / CONFIGURATION, self.configuration.to_toml())


def is_begun(path: Path) -> bool:
    """Whether a directory is a study: it has a ``study.toml``, or its ledger is in use.

    Raises:
        StudyError: if it has no ``study.toml`` and its ledger cannot be read.
    """
    return (path / CONFIGURATION).exists() or _kept_text(path) is not None


def _kept_text(path: Path) -> str | None:
    """Return the configuration that a ledger in use keeps; ``None`` if it is not in use."""
    file = path / LEDGER
    journal = file.with_name(f"{file.name}-journal")
    if not os.path.lexists(file) or not (file.stat().st_size or journal.exists()):
        return None
    with Ledger.open(file, read_only=True) as ledger:
        return ledger.facts()[KEPT_CONFIGURATION] if ledger.is_used() else None


def _kept_configuration(path: Path) -> Configuration | None:
    if (text := _kept_text(path)) is None:
        return None
    try:
        return build(parse_toml(text, source="it"))
    except ConfigurationError as error:
        raise StudyError(
            f"{path / LEDGER} is damaged: the configuration that it keeps cannot be used. {error} "
            f"Restore it or {path / CONFIGURATION} from a copy."
        ) from error


def _check_as_kept(path: Path, configuration: Configuration) -> None:
    """Raise if the ledger keeps another configuration, as when the file was cut short."""
    try:
        kept = _kept_configuration(path)
    except StudyError:
        return  # a damaged ledger is reported when it is opened
    found = {} if kept is None else differences(kept, configuration)
    found.pop("dataset", None)  # a dataset may be moved
    if found:
        lines = difference_lines(found, first="in the ledger", second="in this file")
        raise ConfigurationError(f"it was changed:\n{lines}\n")


def _remedy(path: Path) -> str:
    """Return, as a sentence, how to repair a damaged ``study.toml``."""
    with suppress(StudyError):
        if _kept_configuration(path) is not None:
            return (
                "Delete it, and run the failed command again: the ledger keeps the configuration."
            )
    return "Restore it from a copy, or search into a new directory."


def restore_configuration(path: Path, warn: Callable[[str], None] | None) -> None:
    """Restore a missing ``study.toml`` from a ledger in use."""
    file = path / CONFIGURATION
    if file.exists() or (text := _kept_text(path)) is None:
        return
    write_text(file, text)
    if warn is not None:
        warn(f"{file} was missing: it was restored from the ledger.")


def absolute_path(path: Path | str) -> str:
    """Return a path that is valid in every working directory; links are not resolved."""
    return os.path.abspath(path)  # noqa: PTH100
