"""A study directory: where its parts lie, and which configuration it holds.

``study.toml`` is written last of all that a new study needs, and again only where its dataset
was moved. The ledger keeps a copy of
it, so a directory is a study if it has a ``study.toml`` or a ledger in which anything is
recorded. Such a ledger is never removed; a missing ``study.toml`` is restored from it.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mbnas.errors import ConfigurationError, StudyError, WriteError
from mbnas.machine.files import is_aside, ready_folder, remove_leftovers, write_text, writing
from mbnas.prediction.model.find_model import WEIGHTS
from mbnas.study.configuration import Configuration
from mbnas.study.configuration_layers import (
    Layer,
    build,
    difference_lines,
    differences,
    merge,
    preset_layer,
)
from mbnas.study.configuration_toml import parse_toml, read_bounded
from mbnas.study.ledger.facts import CONFIGURATION as KEPT_CONFIGURATION
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.lock import LOCK_NAME, study_lock

CONFIGURATION, LEDGER, SLICES, REPORT = "study.toml", "ledger.sqlite", "slices", "report.html"
COMPARISON, FIGURES, LOG = "comparison", "figures", "log"
LOG_ASIDE = ".writing"
"""Where in the folder of live logs one is written that is not whole yet."""
_OURS = {
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
}
_MAY_DIFFER = ("dataset", "data.patient_table", "search.evaluations")


def say_nothing(text: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A directory and the configuration of its search.

    Attributes:
        path: The directory.
        configuration: Resolved in full.
        shared_slices: Where the prepared slices lie if studies of the same data share them;
            ``None`` keeps them in the study.
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
        """The folder of prepared slices, one folder a digest; a link where they are shared."""
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
        """The folder of tables of the networks trained anew."""
        return self.path / COMPARISON

    @property
    def is_begun(self) -> bool:
        """Whether the directory is a study already."""
        return is_begun(self.path)

    @classmethod
    def open(cls, path: Path) -> Study:
        """Return the study at ``path``.

        Raises:
            StudyError: if there is none.
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
                f"{file} is damaged: {what} Commands change nothing in this file but the place of "
                f"the dataset. {_remedy(path)}"
            ) from error
        if (kept := _kept_configuration(path)) is not None:
            return cls(path=path, configuration=kept)
        raise StudyError(
            f"{path} is not a study: it has no {CONFIGURATION}. "
            f"Begin one with: mbnas search DATASET {path}"
        )

    def with_dataset(self, place: Path | None) -> Study:
        """Return the study with its dataset at another place; as it is if ``None``."""
        if place is None:
            return self
        return replace(self, configuration=replace(self.configuration, dataset=_absolute(place)))

    def write_configuration(self) -> None:
        """Write ``study.toml``, which makes the directory a study.

        Raises:
            WriteError: if it cannot be written.
        """
        write_text(self.path / CONFIGURATION, self.configuration.to_toml())


def resolve(
    path: Path,
    dataset: Path,
    *,
    protocol: str | None,
    default_protocol: str,
    options: Layer,
    paper_dataset: str | None = None,
) -> Study:
    """Return the study at ``path``, new or resumed, with options laid over its configuration.

    A new study starts from a preset. A resumed one starts from its own ``study.toml`` and the
    budget it was last given, so options need not be repeated, and those that are must agree.

    Args:
        path: The study's directory, which need not exist.
        dataset: The dataset's folder.
        protocol: The preset asked for, if any.
        default_protocol: The preset of a new study for which none was asked, by option or
            by the options' own ``protocol.name``.
        options: What a configuration file and options set.
        paper_dataset: Which of the paper's datasets this is, if any: its settings come with
            the preset ``paper``.

    Raises:
        StudyError: if the directory holds something else, or a study of another
            configuration; the message lists the differences.
        ConfigurationError: if an option is wrong.
    """
    named = {"protocol": {"name": protocol}} if protocol else {}
    asked = merge(preset_layer(protocol, paper_dataset) if protocol else {}, options, named)
    place: Layer = {"dataset": _absolute(dataset)}
    if table := _patient_table(asked):
        place = merge(place, {"data": {"patient_table": _absolute(table)}})
    if not is_begun(path):
        _check_unused(path)
        preset = preset_layer(_protocol_name(asked) or default_protocol, paper_dataset)
        return Study(path=path, configuration=build(merge(preset, asked, place)))
    old = Study.open(path).configuration
    new = build(merge(tomllib.loads(old.to_toml()), _last_budget(path), asked, place))
    if new.run.device == "auto":
        new = replace(new, run=replace(new.run, device=old.run.device))
    differing = {
        key: values
        for key, values in differences(old, new).items()
        if key not in _MAY_DIFFER and not _is_free(key, values)
    }
    if _kind(old) != _kind(new):
        differing["run.device"] = (old.run.device, new.run.device)
    if differing:
        lines = difference_lines(differing, first="in the study", second="asked for")
        raise StudyError(
            f"{path} is a study of another configuration:\n{lines}\n"
            "Leave these options out to resume it, or search into a new directory."
        )
    return Study(path=path, configuration=new)


@contextmanager
def claimed_directory(
    path: Path,
    command: str,
    *,
    shared_slices: Path | None = None,
    warn: Callable[[str], None] = say_nothing,
) -> Iterator[None]:
    """Hold a study's directory, made if need be; unless it becomes a study, remove what was made.

    A study whose ``study.toml`` is missing has it again afterwards, also where it is deleted
    meanwhile.

    Args:
        path: The directory.
        command: What the user started, for whoever finds the study taken.
        shared_slices: What its slices are to be a link to, unless it has slices already.
        warn: Told when a missing ``study.toml`` was restored.

    Raises:
        StudyError: if another process holds it.
        WriteError: if the directory cannot be made.
    """
    made = [each for each in (path, *path.parents) if not each.exists()]
    had_slices = os.path.lexists(path / SLICES)
    try:
        ready_folder(path)
        with study_lock(path, command):
            _tidy(path)
            _restore_configuration(path, warn)
            try:
                if shared_slices is not None and not had_slices:
                    _link(path / SLICES, shared_slices)
                yield
            finally:
                if _has_nothing_to_lose(path, warn):
                    _remove_traces(path, also_slices=not had_slices)
    finally:
        for folder in made:
            with suppress(OSError):  # it holds something, such as a study
                folder.rmdir()


def is_begun(path: Path) -> bool:
    """Whether a directory is a study: it has a ``study.toml``, or its ledger is in use.

    Raises:
        StudyError: if it has no ``study.toml`` and its ledger cannot be read.
    """
    return (path / CONFIGURATION).exists() or _kept_text(path) is not None


def _kept_text(path: Path) -> str | None:
    """Return the configuration that a ledger in use keeps; ``None`` where there is none."""
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
    """Return unless the ledger keeps another configuration, as where a file was cut short."""
    try:
        kept = _kept_configuration(path)
    except StudyError:
        return  # what is wrong with the ledger is named where it is needed
    found = {} if kept is None else differences(kept, configuration)
    found.pop("dataset", None)  # a dataset may be moved
    if found:
        lines = difference_lines(found, first="in the ledger", second="in this file")
        raise ConfigurationError(f"it was changed:\n{lines}\n")


def _remedy(path: Path) -> str:
    """Return what to do about a damaged ``study.toml``."""
    with suppress(StudyError):
        if _kept_configuration(path) is not None:
            return (
                "Delete it, and run the command that failed again: the ledger keeps the "
                "configuration."
            )
    return "Restore it from a copy, or search into a new directory."


def _restore_configuration(path: Path, warn: Callable[[str], None]) -> None:
    """Write a missing ``study.toml`` again, if the ledger is in use."""
    file = path / CONFIGURATION
    if file.exists() or (text := _kept_text(path)) is None:
        return
    write_text(file, text)
    warn(f"{file} was missing: it was restored from the ledger.")


def _has_nothing_to_lose(path: Path, warn: Callable[[str], None]) -> bool:
    """Whether a directory that was held is no study, not even one that has lost its files."""
    try:
        _restore_configuration(path, warn)
        return not is_begun(path)
    except (StudyError, WriteError):
        return False  # what cannot be read may hold trainings


def _link(link: Path, target: Path) -> None:
    """Make a relative link, so that a folder that holds both can be moved."""
    with writing(link):
        link.symlink_to(os.path.relpath(target, link.parent))


def _tidy(path: Path) -> None:
    """Remove what killed holders of a study were writing, wherever in it that was."""
    for folder in (path / COMPARISON, path / FIGURES, *(path / WEIGHTS).glob("*")):
        remove_leftovers(folder)
    shutil.rmtree(path / LOG / LOG_ASIDE, ignore_errors=True)


def _remove_traces(path: Path, *, also_slices: bool) -> None:
    """Remove what a study that never began left, while nobody else can begin one there."""
    slices = path / SLICES
    if also_slices and slices.is_symlink():
        slices.unlink()
    elif also_slices:
        shutil.rmtree(slices, ignore_errors=True)
    for name in (LEDGER, LOCK_NAME):
        (path / name).unlink(missing_ok=True)


def _check_unused(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise StudyError(f"STUDY (={path}) is a file: name a directory.")
    names = [each.name for each in path.iterdir()] if path.is_dir() else []
    foreign = sorted(name for name in names if name not in _OURS and not is_aside(name))
    if foreign:
        raise StudyError(
            f"STUDY (={path}) is no study and holds other files (such as {foreign[0]}): "
            "name a new or an empty directory."
        )


def _absolute(path: Path | str) -> str:
    """Return a path that holds from every directory; links are kept as named."""
    return os.path.abspath(path)  # noqa: PTH100


def _patient_table(layer: Layer) -> str | None:
    section = layer.get("data")
    table = section.get("patient_table") if isinstance(section, Mapping) else None
    return table if isinstance(table, str) and table else None


def _protocol_name(layer: Layer) -> str | None:
    """Return the preset that a layer says it grew from, such as another study's ``study.toml``."""
    section = layer.get("protocol")
    name = section.get("name") if isinstance(section, Mapping) else None
    return name if isinstance(name, str) else None


def _last_budget(path: Path) -> Layer:
    """Return the budget that a search was last given, which may be another than at first."""
    if not (path / LEDGER).exists():
        return {}
    with Ledger.open(path / LEDGER, read_only=True) as ledger:
        budget = ledger.facts().get("budget")
    return {"search": {"evaluations": int(budget)}} if budget else {}


def _is_free(key: str, values: tuple[object, object]) -> bool:
    """Whether a setting may differ when a study resumes: no score and no decision depends on it."""
    return key.startswith("run.") or (key == "search.racing" and "on" not in values)


def _kind(configuration: Configuration) -> str:
    """Return the kind of device that a study trains on, on which its scores depend."""
    return configuration.run.device.partition(":")[0]
