"""The trainings of a final model, run until all weights are there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from pathlib import Path

from mbnas.data.slices.prepared_slices import PreparedSlices
from mbnas.errors import LostRun, MbnasError, StudyError
from mbnas.study.drive.rerun_policy import RerunPolicy, kind_of
from mbnas.study.drive.training_tasks import TrainingTasks, memory_prediction
from mbnas.study.pool.worker_pool import WorkerPool
from mbnas.study.retraining.final_plan import FinalPlan
from mbnas.training.final.learning_curve import read_curve
from mbnas.training.final.train_final import FINAL, FinalTask, train_final
from mbnas.training.protocol import Protocol
from mbnas.training.training_record import LostRunKind

_REPORT_EVERY_S = 0.5


def final_tasks(
    plan: FinalPlan, protocol: Protocol, prepared: PreparedSlices, folder: Path
) -> tuple[FinalTask, ...]:
    """Return the tasks of a model's trainings.

    Args:
        plan: The model's plan.
        protocol: What the trainings follow.
        prepared: The slices that they learn from.
        folder: Where the weights are written.
    """
    device = plan.configuration.run.device
    make = TrainingTasks(
        protocol=protocol,
        slices=prepared.directory.absolute(),
        device=device,
        predict_memory=memory_prediction(protocol, prepared, device),
    )
    return tuple(
        FinalTask(
            training=task,
            class_names=prepared.class_names,
            weights=(folder / _file_name(plan, task.fold)).absolute(),
        )
        for task in make.of(plan.network, [(FINAL, fold) for fold in plan.folds])
    )


def _file_name(plan: FinalPlan, fold: int) -> str:
    return f"{'all' if plan.all_patients else f'fold{fold}'}.safetensors"


def run_final_trainings(
    tasks: Sequence[FinalTask],
    worker_pool: WorkerPool,
    *,
    policy: RerunPolicy,
    report: Callable[[], None] | None = None,
    train: Callable[[FinalTask], None] = train_final,
) -> None:
    """Run all tasks whose weights are missing; lost runs continue from their checkpoints.

    Args:
        tasks: All of a model's.
        worker_pool: Where they run.
        policy: Which lost runs are rerun.
        report: Called about twice a second and after each training.
        train: Runs one task.

    Raises:
        StudyError: if a training failed; the others are run to their ends first.
    """
    submit = worker_pool.executor.submit
    running: dict[Future[None], FinalTask] = {
        submit(train, task): task for task in tasks if not task.weights.exists()
    }
    lost: dict[Path, list[LostRunKind]] = defaultdict(list)
    errors: list[MbnasError] = []
    while running:
        done, _ = wait(running, timeout=_REPORT_EVERY_S, return_when=FIRST_COMPLETED)
        for future in done:
            task = running.pop(future)
            try:
                future.result()
            except LostRun as error:
                kinds = lost[task.weights]
                kinds.append(kind_of(error))
                if policy.reruns(kinds):
                    training = replace(task.training, alone=policy.alone(kinds))
                    again = replace(task, training=training)
                    running[submit(train, again)] = again
                else:
                    errors.append(error)
            except MbnasError as error:
                errors.append(error)
        if report is not None:
            report()
    if errors:
        raise StudyError(
            f"{len(errors)} of {len(tasks)} final trainings failed: {errors[0]} Run the same "
            "command again to continue with those that are missing."
        )


def epochs_done(tasks: Sequence[FinalTask]) -> tuple[int, int]:
    """Return how many epochs of all tasks are done, and how many there are."""
    done = sum(len(read_curve(task.curve)) for task in tasks)
    return done, sum(task.training.protocol.training.epochs for task in tasks)
