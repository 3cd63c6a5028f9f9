"""A Ray cluster as the place of a study's trainings: connected to, filled, and left as found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mbnas.errors import StudyError
from mbnas.study.configuration import RunSettings
from mbnas.study.drive.slices_on_ray import TrainingsOnRay
from mbnas.workers.ray.cluster import cluster_slots, connected


@contextmanager
def ray_trainings(run: RunSettings, *, threads: int) -> Iterator[tuple[TrainingsOnRay, int]]:
    """Yield an executor of trainings on Ray and how many it runs; its calls end with the context.

    As many run at a time as ``run.workers`` says, or else as many as the nodes hold. The
    executor counts nodes anew as they join; what is yielded holds as the search begins.

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
                f"No node of the Ray cluster has room for a training, which takes {needed}: lower "
                "training.threads in a new study, let a larger node join, or say by --workers how "
                "many trainings the nodes will hold that are to join."
            )
        executor = TrainingsOnRay(
            slots, cpus=threads, gpus=lambda *_: gpus, patience_s=run.patience_s
        )
        try:
            yield executor, num_slots
        finally:
            executor.terminate()  # what still runs was begun ahead of time
