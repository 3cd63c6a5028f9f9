"""Checks of the range of integer settings, for all sections of the configuration."""

from __future__ import annotations

from mbnas.errors import ConfigurationError


def check_bounds(section: str, settings: object, **bounds: tuple[int, int]) -> None:
    """Check that settings are within their bounds; ``None`` is always allowed.

    An upper bound is far above any real use and far below what a machine can handle, so that a
    typing error is reported at once.

    Args:
        section: Section of the configuration, for the message.
        settings: The object with the values.
        bounds: The smallest and the largest value of each setting, by name.

    Raises:
        ConfigurationError: if a value is out of bounds.
    """
    for name, (low, high) in bounds.items():
        if (value := getattr(settings, name)) is not None:
            check_bound(f"{section}.{name}", value, low, high)


def check_bound(name: str, value: int, low: int, high: int) -> None:
    """Check that a number is within its bounds.

    Args:
        name: Name of the setting or option, for the message.
        value: The number.
        low: The smallest allowed value.
        high: The largest allowed value.

    Raises:
        ConfigurationError: if it is out of bounds.
    """
    if value < low:
        raise ConfigurationError(f"{name} (={value}) must be {low} or more.")
    if value > high:
        raise ConfigurationError(f"{name} (={value}) must be {high} or less.")
