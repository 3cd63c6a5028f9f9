"""Settings for all tests: shapes are checked at run time, examples are drawn alike every time."""

import signal
import sys

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

settings.register_profile(
    "mbnas", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("mbnas")

install_import_hook("mbnas", "beartype.beartype")

# A shell that starts the tests in the background has them, and all they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _keep_subnormal_numbers():
    """Undo what a training in this process sets, on which Hypothesis would stumble."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)
