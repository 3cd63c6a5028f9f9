"""Settings for all tests: shapes are checked at run time, examples are drawn alike every time."""

import signal

from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

settings.register_profile(
    "mbnas", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("mbnas")

install_import_hook("mbnas", "beartype.beartype")

# A shell that starts the tests in the background has them, and all they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
