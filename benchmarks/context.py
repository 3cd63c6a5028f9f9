"""Do neighbouring slices help? One network with and without them, in pairs of equal trainings.

The U-Net genotype is trained under the protocol ``quick`` with ``preparation.context`` 0, 1 and 2:
the same folds, seeds, batches, augmentation and number of steps. Each patient's Dice is that of the
volume on the grid of its file, from the training that did not learn from them. A difference is
that of a patient in one initialisation, and its interval covers other patients and other trainings
(``mbnas.scoring.superiority``). A training that is in the output file already is not run again.

    python benchmarks/context.py DATASET --output benchmarks/results/context-DATE.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import measuring
import numpy as np

from mbnas.data.slices.neighbours import channel_names
from mbnas.machine.files import write_text
from mbnas.network.build import build_network
from mbnas.network.cost.complexity import complexity
from mbnas.scoring.superiority import superiority
from mbnas.space.genotype import unet_genotype
from mbnas.study.begin_or_resume import opened
from mbnas.study.configuration_layers import build, merge, preset_layer
from mbnas.study.directory import Study
from mbnas.study.open_study import OpenStudy
from mbnas.training.run_training import run_training
from mbnas.training.task import TrainingTask

Row = dict[str, Any]

PAGE = """\
# Neighbouring slices: the same network with and without them

{machine} Made by `{command}`.

{dataset}: {patients} patients, slices of {size}×{size}, a median of {distance:.3g} mm apart
({closest:.3g} to {farthest:.3g}). The U-Net genotype with {base} base channels, {folds} folds,
{initialisations} initialisations; {epochs} epochs of {steps} steps of {batch} slices, the same for
every context. Each training follows the protocol `quick` but for these numbers.

Dice of a patient's volume, mean over patients and initialisations:

| context | sees | trainings | Dice | parameters | multiply-accumulates of a slice |
| --- | --- | --- | --- | --- | --- |
{arms}

Differences between trainings of the same fold, initialisation and batches, with intervals of 95 %
that cover other patients and other trainings:

| difference | mean | interval | patients better, worse | pairs of trainings |
| --- | --- | --- | --- | --- |
{differences}

{verdict}

By patient, mean over initialisations:

| patient | {contexts} |
| --- | {rule} |
{by_patient}
"""


def main() -> None:
    """Train all arms, or those that are missing, and write results and their page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--contexts", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--initialisations", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    configuration = build(
        merge(
            preset_layer("quick"),
            {
                "dataset": str(arguments.dataset.absolute()),
                "protocol": {
                    "folds": arguments.folds,
                    "initialisations": arguments.initialisations,
                },
                "training": {"epochs": arguments.epochs, "step": "eager", "fused": "off"},
                "run": {"executor": "inline", "device": "cpu"},
            },
        )
    )
    with TemporaryDirectory() as directory:
        study = Study(path=Path(directory, "study"), configuration=configuration)
        with opened(study, command="context", warn=print) as held:
            measured = train_arms(held, arguments)
    measuring.write(measured, page(measured), arguments.output)


def train_arms(held: OpenStudy, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return all results; every training is written to the output file when it ends."""
    output: Path = arguments.output
    rows: list[Row] = json.loads(output.read_text())["rows"] if output.exists() else []
    facts = _facts(held, arguments)
    done = {(row["context"], row["fold"], row["initialisation"]) for row in rows}
    pair = [each for each in arguments.contexts if each < 2]
    wanted = [
        (context, fold, initialisation)
        for contexts in (pair, [each for each in arguments.contexts if each not in pair])
        for initialisation in range(arguments.initialisations)
        for fold in range(arguments.folds)
        for context in contexts
    ]
    for key in wanted:
        if key in done:
            continue
        rows.append(_train(held, *key))
        output.parent.mkdir(parents=True, exist_ok=True)
        write_text(output, json.dumps(facts | {"rows": rows}, indent=1) + "\n")
        print(key, {case: round(dice, 3) for case, dice in rows[-1]["dice"].items()}, flush=True)
    return facts | {"rows": rows}


def _train(held: OpenStudy, context: int, fold: int, initialisation: int) -> Row:
    record = run_training(
        TrainingTask(
            architecture=unet_genotype(),
            protocol=replace(
                held.protocol, preparation=replace(held.protocol.preparation, context=context)
            ),
            fold=fold,
            initialisation=initialisation,
            slices=held.slices,
            device="cpu",
            measure="volumes",
        )
    )
    if record.error is not None:
        raise SystemExit(f"Context {context}, fold {fold}: {record.error}")
    return {
        "context": context,
        "fold": fold,
        "initialisation": initialisation,
        "protocol": record.key.protocol,
        "dice": {volume.patient: volume.measures[0].dice for volume in record.volumes},
        "attempts": record.attempts,
        "collapsed": list(record.collapsed),
        "wall_s": round(record.wall_s, 1),
    }


def _facts(held: OpenStudy, arguments: argparse.Namespace) -> dict[str, Any]:
    settings = held.configuration
    axis = held.prepared.index.slice_axis
    distances = [volume.spacing_mm[axis] for volume in held.prepared.volumes]
    return {
        "machine": measuring.machine(threads=settings.training.threads),
        "command": f"python benchmarks/context.py {held.dataset_name} --contexts "
        f"{' '.join(map(str, arguments.contexts))} "
        f"--folds {arguments.folds} --initialisations {arguments.initialisations} "
        f"--epochs {arguments.epochs} --output FILE.json",
        "dataset": held.dataset_name,
        "num_patients": len(held.prepared.patients),
        "distances_mm": distances,
        "training": asdict(settings.training),
        "slice_size": settings.preparation.slice_size,
        "folds": arguments.folds,
        "initialisations": arguments.initialisations,
        "costs": {str(each): _cost(held, each) for each in arguments.contexts},
    }


def _cost(held: OpenStudy, context: int) -> dict[str, int]:
    channels = channel_names(held.prepared.channels, context)
    interface = replace(held.interface, in_channels=len(channels))
    base = held.configuration.training.base_channels
    cost = complexity(
        lambda: build_network(unet_genotype(), interface, base_channels=base), interface
    )
    return {"parameters": cost.parameters, "multiply_accumulates": cost.multiply_accumulates}


def page(measured: dict[str, Any]) -> str:
    """Return the results as a page."""
    rows: list[Row] = measured["rows"]
    training, distances = measured["training"], measured["distances_mm"]
    contexts = sorted({row["context"] for row in rows})
    folds = {patient: row["fold"] for row in rows for patient in row["dice"]}
    patients = sorted(folds)
    values = {context: _values(rows, context, patients) for context in contexts}
    distance = float(np.median(distances))
    arms = [
        f"| {context} | {_sees(context, distance)} "
        f"| {sum(row['context'] == context for row in rows)} | {np.nanmean(values[context]):.4f} "
        f"| {measured['costs'][str(context)]['parameters']:,} "
        f"| {measured['costs'][str(context)]['multiply_accumulates']:,} |"
        for context in contexts
    ]
    pairs = [(context, 0) for context in contexts if context]
    found = [_difference(values, folds, patients, *pair) for pair in pairs]
    by_patient = [
        f"| {patient} | "
        + " | ".join(f"{np.nanmean(values[each][:, number]):.3f}" for each in contexts)
        + " |"
        for number, patient in enumerate(patients)
    ]
    return PAGE.format(
        machine=measuring.described(measured["machine"]),
        command=measured["command"],
        dataset=measured["dataset"],
        patients=measured["num_patients"],
        distance=distance,
        closest=min(distances),
        farthest=max(distances),
        size=measured["slice_size"],
        base=training["base_channels"],
        folds=measured["folds"],
        initialisations=measured["initialisations"],
        epochs=training["epochs"],
        steps=training["steps_per_epoch"],
        batch=training["batch_size"],
        arms="\n".join(arms),
        differences="\n".join(line for line, _ in found),
        verdict="\n".join(sentence for _, sentence in found),
        contexts=" | ".join(f"context {each}" for each in contexts),
        rule=" | ".join("---" for _ in contexts),
        by_patient="\n".join(by_patient),
    )


def _values(rows: Sequence[Row], context: int, patients: Sequence[str]) -> np.ndarray:
    """Return the Dice by initialisation and patient, nan where missing."""
    num_initialisations = 1 + max(row["initialisation"] for row in rows)
    values = np.full((num_initialisations, len(patients)), np.nan)
    for row in rows:
        if row["context"] == context:
            for patient, dice in row["dice"].items():
                values[row["initialisation"], patients.index(patient)] = dice
    return values


def _sees(context: int, distance_mm: float) -> str:
    away = ", ".join(f"±{distance_mm * each:.3g} mm" for each in range(1, context + 1))
    return f"the slice, and those at {away}" if context else "the slice"


def _difference(
    values: dict[int, np.ndarray],
    folds: dict[str, int],
    patients: Sequence[str],
    first: int,
    second: int,
) -> tuple[str, str]:
    """Return the row of a comparison, and what it shows as a sentence."""
    name = f"context {first} − context {second}"
    folds_P = np.array([folds[patient] for patient in patients])
    found = superiority(values[first], values[second], folds_P)
    if found is None or (interval := found.interval()) is None:
        return f"| {name} | – | unknown | – | – |", f"{name}: too few trainings to compare."
    by_patient = np.nanmean(values[first] - values[second], axis=0)
    better, worse = int((by_patient > 0).sum()), int((by_patient < 0).sum())
    row = (
        f"| {name} | {found.difference:+.4f} | {interval.low:+.4f} to {interval.high:+.4f} "
        f"| {better}, {worse} | {found.num_trainings} |"
    )
    if interval.low > 0:
        shown = f"Context {first} is shown to be better than {second} here."
    elif interval.high < 0:
        shown = f"Context {first} is shown to be worse than {second} here."
    else:
        shown = f"Context {first} and {second} are not shown to differ here."
    return row, shown


if __name__ == "__main__":
    main()
