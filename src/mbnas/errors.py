"""The exceptions of mbnas, as one small hierarchy.

Every error that a user can cause is an :class:`MbnasError` whose message has one or two
sentences: the value, the rule that it breaks, the remedy. The command line prints the message
and exits with :attr:`MbnasError.exit_status`; it never shows a traceback.
"""

from __future__ import annotations


class MbnasError(Exception):
    """Base class of all errors that mbnas raises on purpose.

    >>> import mbnas
    >>> try:
    ...     mbnas.Network("0vgg3-2vgg3")
    ... except mbnas.MbnasError as error:
    ...     print(str(error).partition(":")[0])
    Node 2 has level 2 after level 0
    """

    exit_status = 1


class UsageError(MbnasError):
    """The request itself is wrong: an option, a key or a value is invalid."""

    exit_status = 2


class ConfigurationError(UsageError):
    """A configuration key does not exist or holds a value that breaks its rule."""


class GenotypeError(UsageError):
    """A text or a list of nodes is not a genotype, or not one of the given space."""


class DatasetError(MbnasError):
    """A dataset cannot be read, or breaks a rule that a search depends on."""


class LabelError(DatasetError):
    """A label file has values that are not integers."""


class DownloadError(MbnasError):
    """A dataset cannot be downloaded, or its archive cannot be trusted or unpacked."""


class WriteError(MbnasError):
    """The operating system refuses to write a file or folder.

    Attributes:
        of_place: Whether no file can be written there, as on a full disk.
    """

    of_place = False


class StudyError(MbnasError):
    """A study directory cannot be created, opened, resumed or written."""


class ModelError(MbnasError):
    """A trained model is absent, damaged, not of mbnas, or cannot be used as requested."""


class NNUNetError(MbnasError):
    """Something that nnU-Net needs is missing, or one of its commands failed."""


class TrainingError(MbnasError):
    """A training could not be finished; the search records it and continues."""


class LostRun(TrainingError):  # noqa: N818  (an event, not a mistake in a call)
    """One run of a training was lost through no fault of its network.

    Attributes:
        wall_s: How long it ran, in seconds; 0 if unknown.
        worker: Where it ran, if known.
    """

    wall_s = 0.0
    worker = "unknown"


class OutOfMemory(LostRun):
    """A training ran out of memory; it may succeed when it has the device to itself."""


class WorkerDied(LostRun):
    """A worker process ended during a call, or hung and was killed."""


class FigureError(MbnasError):
    """A figure has nothing to draw yet."""


def cause_of(error: BaseException) -> str:
    r"""Return the type and message of an error of other code in one line.

    >>> cause_of(SystemExit(3)), cause_of(ValueError("first\nsecond"))
    ('SystemExit: 3', 'ValueError: first second')
    """
    text = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
