"""``mbnas nnunet``: nnU-Net's own network and one found, both trained by nnU-Net."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

from mbnas.actions.named_networks import genotype_named
from mbnas.cli.show.comparison_display import print_comparison
from mbnas.cli.show.messages import counting, note, say
from mbnas.cli.show.printing import print_json
from mbnas.cli.typed_command import command_line
from mbnas.data.datasets.dataset import Dataset
from mbnas.data.datasets.folds import make_folds
from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.errors import StudyError, UsageError
from mbnas.machine.files import ready_folder, real_path
from mbnas.nnunet.commands import Place, check_installed
from mbnas.nnunet.head_to_head import HeadToHead
from mbnas.nnunet.nnunet_contenders import contenders, cost_size
from mbnas.nnunet.plans import check_width, refuse_neighbours
from mbnas.nnunet.raw_dataset import dataset_name
from mbnas.nnunet.schedule import Schedule
from mbnas.report.tables.comparison_files import ready_comparison, write_comparison
from mbnas.report.tables.comparison_values import comparison_values
from mbnas.results.comparison import Comparison, compare_contenders
from mbnas.space.genotype import Genotype
from mbnas.study.dataset_source import StudyOrigin, find_source
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.lock import study_lock
from mbnas.training.device.device_setup import resolve_device


def nnunet(arguments: argparse.Namespace) -> int:
    """Train both networks on the same folds, or resume; print and write the comparison."""
    schedule = Schedule(epochs=arguments.epochs, iterations=arguments.iterations_per_epoch)
    check_installed()
    study = Study.open(arguments.study).with_dataset(arguments.dataset)
    refuse_neighbours(study.configuration.preparation.context)
    genotype, name = genotype_named(study, arguments.network)
    run = _head_to_head(arguments, study, genotype, schedule)
    run.check_place()
    if run.needs_images or arguments.dataset is not None:
        run = replace(run, dataset=_dataset(study))
    directory: Path = arguments.directory
    ready_folder(directory)
    with study_lock(directory, command_line()):
        ready_comparison(directory / "comparison")
        with counting("Converting volumes") as progress:
            run.run(note, progress)
        comparison = _compare(run, study, name)
        write_comparison(
            comparison,
            directory / "comparison",
            heading=f"nnU-Net head to head: {_dataset_name(study)}",
            study_name=real_path(directory).name,
            dataset=_dataset_name(study),
        )
    if arguments.json:
        print_json(comparison_values(comparison))
    else:
        print_comparison(comparison, with_notes=arguments.notes)
    say(f"Files: {directory / 'comparison'}")
    return 0


def _head_to_head(
    arguments: argparse.Namespace, study: Study, genotype: Genotype, schedule: Schedule
) -> HeadToHead:
    configuration = study.configuration
    with Ledger.open(study.ledger, read_only=True) as ledger:
        facts = ledger.facts()
    prepared = PreparedSlices.open(study.slices / facts["data"])
    folds = make_folds(
        prepared.patient_classes, configuration.protocol.folds, seed=configuration.seed
    )
    base_channels = arguments.base_channels or configuration.training.base_channels
    check_width(genotype, base_channels)
    processes = arguments.processes or os.cpu_count() or 1
    return HeadToHead(
        place=Place(
            root=arguments.directory,
            dataset=dataset_name(facts["dataset name"]),
            device=resolve_device(arguments.device),
            processes=processes,
        ),
        dataset=None,
        prepared=prepared,
        folds=folds,
        chosen=_fold_numbers(arguments.folds, len(folds)),
        genotype=genotype,
        base_channels=base_channels,
        schedule=schedule,
    )


def _dataset_name(study: Study) -> str:
    with Ledger.open(study.ledger, read_only=True) as ledger:
        return ledger.facts()["dataset name"]


def _dataset(study: Study) -> Dataset:
    """Return a study's dataset, and raise if it is not the one that the study began with."""
    origin = StudyOrigin.of(study)
    source = find_source(study, origin)
    if source is None or origin is None:
        raise StudyError(
            f"The dataset of {study.path} is not at {study.configuration.dataset}, and nnU-Net "
            "needs its images. Say where it is with --dataset PLACE."
        )
    origin.check(study, source.fingerprint(study.configuration.preparation))
    return source.dataset


def _fold_numbers(text: str | None, num_folds: int) -> tuple[int, ...]:
    """Return the numbers of folds in a list, all by default."""
    if text is None:
        return tuple(range(num_folds))
    try:
        numbers = tuple(sorted({int(each) for each in text.split(",")}))
    except ValueError:
        numbers = ()
    if not numbers or not all(0 <= each < num_folds for each in numbers):
        raise UsageError(
            f"--folds {text} must be numbers from 0 to {num_folds - 1}, separated by commas."
        )
    return numbers


def _compare(run: HeadToHead, study: Study, name: str) -> Comparison:
    size = cost_size(run, study.configuration.preparation.input_size)
    with counting("Measuring predictions") as progress:
        both = contenders(run, found_name=name, slice_size=size, progress=progress)
    return compare_contenders(
        both,
        class_names=run.prepared.class_names,
        unit=run.prepared.unit,
        num_folds=len(run.chosen),
        slice_size=size,
        seed=study.configuration.seed,
    )
