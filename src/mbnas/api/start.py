"""Begin or resume a search, or open a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mbnas.actions.events import Message, Watch, silent
from mbnas.api.checked_arguments import checked
from mbnas.api.network_object import Network
from mbnas.api.progress_lines import ProgressLines
from mbnas.api.study_object import Study


@checked
def search(
    dataset: str | Path,
    study: str | Path,
    *,
    hours: float | None = None,
    evaluations: int | None = None,
    protocol: str | None = None,
    preset: str | None = None,
    space: str | None = None,
    searcher: str | None = None,
    start: str | Network | None = None,
    confirm: Sequence[str | Network] = (),
    racing: str | None = None,
    objective: str | Sequence[str] | None = None,
    max_parameters: int | None = None,
    max_macs: int | None = None,
    max_latency_ms: float | None = None,
    seed: int | None = None,
    workers: int | None = None,
    device: str | None = None,
    executor: str | None = None,
    address: str | None = None,
    log: str | None = None,
    max_volume_gib: float | None = None,
    config: str | Path | None = None,
    settings: Mapping[str, object] | None = None,
    watch: Watch | None = None,
) -> Study:
    """Search for the network that suits a dataset; the same call resumes a search.

    It is what ``mbnas search`` does. It returns when the budget is spent. Trainings run in
    processes of their own, which do not run your script again: it needs no ``if __name__ ==
    "__main__"``. Ctrl-C stops the search, which keeps every training that has ended.

    >>> import mbnas
    >>> study = mbnas.search("Task04_Hippocampus", "study", hours=2)  # doctest: +SKIP
    >>> print(study.chosen)  # doctest: +SKIP

    Args:
        dataset: Folder in the layout of the Medical Segmentation Decathlon or of nnU-Net v2.
        study: Directory of the study, created if absent.
        hours: End in this time, the confirmation and earlier runs included.
        evaluations: Budget, in networks with all of their trainings; 150 by default.
        protocol: ``paper`` or ``quick``; by default ``paper`` if there is a GPU.
        preset: ``prostate`` or ``spleen``: the paper's settings for this dataset.
        space: ``mixed``, ``macro``, ``micro``, ``bilevel`` or ``modern``.
        searcher: ``local``, ``random``, ``evolution``, ``bayesian``, or one that an installed
            package offers.
        start: The first network: ``random``, ``unet`` or a network.
        confirm: Networks that are confirmed in any case, such as ``unet``.
        racing: ``off``, ``on`` or ``shadow``.
        objective: ``dice``, or ``dice`` and costs that should be low: ``parameters``, ``macs``,
            ``latency``.
        max_parameters: Only networks of at most so many parameters.
        max_macs: Only networks of at most so many multiply-accumulates for a slice.
        max_latency_ms: Only networks that take at most so many milliseconds for a slice.
        seed: Root of all randomness.
        workers: Trainings at a time; one for each core or GPU by default.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:0`` …
        executor: ``processes``, ``inline`` or ``ray``.
        address: Of the Ray cluster.
        log: ``tensorboard``, ``wandb`` or ``mlflow`` writes live curves of every training.
        max_volume_gib: Refuse images that need more memory than this to read.
        config: A file of settings, in the format of ``study.toml``.
        settings: Further settings by key, such as ``{"training.epochs": 50}``; they override.
        watch: Called with events; lines on standard error by default, and none with
            :func:`mbnas.silent`.

    Raises:
        MbnasError: if an argument is wrong, the dataset cannot be used, or the directory holds
            something else. Messages name arguments as on the command line.
    """
    from mbnas.actions.asked_study import asked_study
    from mbnas.actions.named_options import layer_of, layer_of_keys
    from mbnas.actions.search_study import search_study
    from mbnas.data.images.memory_limit import limited_to
    from mbnas.study.configuration_layers import merge
    from mbnas.study.configuration_toml import read_toml

    options = {
        "hours": hours,
        "evaluations": evaluations,
        "space": space,
        "searcher": searcher,
        "start": None if start is None else str(start),
        "confirm": [str(each) for each in confirm] or None,
        "racing": racing,
        "objective": objective.split(",") if isinstance(objective, str) else objective,
        "max_parameters": max_parameters,
        "max_macs": max_macs,
        "max_latency_ms": max_latency_ms,
        "seed": seed,
        "workers": workers,
        "device": device,
        "executor": executor,
        "address": address,
        "log": log,
    }
    file = {} if config is None else read_toml(Path(config))
    asked, about_preset = asked_study(
        Path(study),
        Path(dataset),
        protocol=protocol,
        preset=preset,
        file=file,
        options=merge(layer_of(options), layer_of_keys(settings or {})),
    )
    watch = watch or ProgressLines()
    if about_preset is not None:
        watch(Message(text=about_preset))
    command = f"mbnas.search({str(dataset)!r}, {str(study)!r})"
    with limited_to(None if max_volume_gib is None else str(max_volume_gib)):
        search_study(asked, command=command, watch=watch, forecast=watch is not silent)
    return Study(study)


@checked
def open(path: str | Path) -> Study:  # noqa: A001  (mbnas.open reads well)
    """Return a study, finished or running in another process, to read and to use.

    >>> import mbnas
    >>> mbnas.open("no study here")
    Traceback (most recent call last):
    mbnas.errors.StudyError: no study here is not a study: it has no study.toml. Begin one with: \
mbnas search DATASET no study here

    Args:
        path: Its directory.

    Raises:
        StudyError: if it is not a study.
    """
    return Study(path)
