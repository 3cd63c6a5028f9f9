"""The range of whole numbers that a setting may have, checked in one place for all sections."""

from __future__ import annotations

from mbnas.errors import ConfigurationError


def check_bounds(section: str, settings: object, **bounds: tuple[int, int]) -> None:
    """Make sure that settings are within their bounds; those that are ``None`` are left open.

    An upper bound is far above any use and far below what a machine can hold, so a typing error
    ends in a sentence and not in days of waiting.

    Args:
        section: Of the configuration, for the message.
        settings: Holds the values.
        bounds: The least and the greatest value of each, by name.

    Raises:
        ConfigurationError: if one is not.
    """
    for name, (low, high) in bounds.items():
        if (value := getattr(settings, name)) is not None:
            check_bound(f"{section}.{name}", value, low, high)


def check_bound(name: str, value: int, low: int, high: int) -> None:
    """Make sure that one number is within its bounds.

    Args:
        name: Of the setting or option, for the message.
        value: The number.
        low: The least that it may be.
        high: The greatest that it may be.

    Raises:
        ConfigurationError: if it is not.
    """
    if value < low:
        raise ConfigurationError(f"{name} (={value}) must be {low} or more.")
    if value > high:
        raise ConfigurationError(f"{name} (={value}) must be {high} or less.")
