"""A Ray cluster as a worker pool of trainings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mbnas.errors import StudyError
from mbnas.study.configuration import RunSettings
from mbnas.study.pool.slices_on_ray import TrainingsOnRay
from mbnas.workers.ray.cluster import cluster_slots, connected


@contextmanager
def ray_trainings(run: RunSettings, *, threads: int) -> Iterator[tuple[TrainingsOnRay, int]]:
    """Yield an executor of trainings on Ray and its slots; its calls end with the context.

    The slots are ``run.workers``, or else as many trainings as the nodes can run. The executor
    counts the nodes again as they join; the slots yielded are those at the start.

    Args:
        run: Where to train.
        threads: Cores that a training takes.

    Raises:
        UsageError: if Ray is not installed.
        StudyError: if the cluster cannot be reached, or no node of it can hold a training.
    """
    gpus = run.gpu_share if run.device.startswith("cuda") else 0.0

    def slots() -> int:
        return run.workers or cluster_slots(cpus=threads, gpus=gpus)

    local_cpus = run.workers * threads if run.workers else None
    with connected(run.address, local_cpus=local_cpus):
        num_slots = slots()
        if num_slots < 1:
            needed = f"{threads} cores" + (f" and {gpus:g} of a GPU" if gpus else "")
            raise StudyError(
                f"No node of the Ray cluster can run a training, which takes {needed}: lower "
                "training.threads in a new study, add a larger node, or set --workers to the "
                "number of trainings that nodes still to join will run."
            )
        executor = TrainingsOnRay(
            slots, cpus=threads, gpus=lambda *_: gpus, patience_s=run.patience_s
        )
        try:
            yield executor, num_slots
        finally:
            executor.terminate()  # what still runs was started ahead of time
