"""What other packages offer through entry points."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

from mbnas.errors import ConfigurationError, cause_of


def load_offered(point: EntryPoint) -> Any:
    """Return what an entry point names; the package that offers it is imported.

    Raises:
        ConfigurationError: if it cannot be imported.
    """
    try:
        return point.load()
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:
        raise ConfigurationError(
            f"{point.name}, which a package offers as {point.value} under the entry-point group "
            f"{point.group}, cannot be imported: {cause_of(error)}. Correct the package, or use "
            "another name."
        ) from error
