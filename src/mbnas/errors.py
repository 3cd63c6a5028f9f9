"""What can go wrong, as one small tree of exceptions.

Every error that a user can cause is an :class:`MbnasError` whose message is one
sentence or two: the value, the rule it breaks, the remedy. The command line prints
the message and exits with :attr:`MbnasError.exit_status`; it never shows a traceback.
"""

from __future__ import annotations


class MbnasError(Exception):
    """Base of all errors that mbnas raises on purpose."""

    exit_status = 1


class UsageError(MbnasError):
    """The request itself is wrong: an option, a key or a value that cannot be."""

    exit_status = 2


class ConfigurationError(UsageError):
    """A configuration key does not exist or holds a value that breaks its rule."""


class GenotypeError(UsageError):
    """A text or a list of nodes that is no genotype, or none of the space at hand."""


class DatasetError(MbnasError):
    """A dataset that cannot be read, or breaks a rule that a search depends on."""


class LabelError(DatasetError):
    """A label file that holds numbers which are not whole."""


class DownloadError(MbnasError):
    """A dataset that cannot be fetched, or whose archive cannot be trusted or unpacked."""


class WriteError(MbnasError):
    """A file or folder that the system does not let us write.

    Attributes:
        of_place: Whether other files cannot be written there either, as on a full disk.
    """

    of_place = False


class StudyError(MbnasError):
    """A study directory that cannot be created, opened, resumed or written."""


class ModelError(MbnasError):
    """A trained model that is absent, damaged, foreign, or cannot be used as asked."""


class NNUNetError(MbnasError):
    """What nnU-Net needs and is not there, or a command of it that failed."""


class TrainingError(MbnasError):
    """One training that could not be finished; the search records it and goes on."""


class LostRun(TrainingError):  # noqa: N818  (it is what happened, not a mistake in a call)
    """One run of a training that came to nothing through no fault of its network.

    Attributes:
        wall_s: How long it had run, in seconds; 0 where nobody knows.
        worker: Where it ran, as far as that is known.
    """

    wall_s = 0.0
    worker = "unknown"


class OutOfMemory(LostRun):
    """Memory ran out in a training; with the device to itself it may yet be finished."""


class WorkerDied(LostRun):
    """A worker process ended in the middle of a call, or hung and was killed."""


class FigureError(MbnasError):
    """A figure for which there is nothing to draw yet, and what to do about it."""
