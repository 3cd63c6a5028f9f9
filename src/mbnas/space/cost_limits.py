"""Limits on the parameters and multiply-accumulates of a network.

Both are known before it is trained. They come from a function of the caller, because a space knows
no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mbnas.errors import ConfigurationError
from mbnas.space.genotype import Genotype
from mbnas.wording import count_text

CostName = Literal["parameters", "macs", "latency"]
COST_NAMES: tuple[CostName, ...] = ("parameters", "macs", "latency")

CostOf = Callable[[Genotype, CostName], float]
"""Returns a cost of a genotype, the same whenever it is asked: numbers, or milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLimits:
    """The largest costs that a network may have; ``None`` sets no limit.

    Attributes:
        max_parameters: Trainable parameters.
        max_macs: Multiply-accumulates for one slice.

    Raises:
        ConfigurationError: if a limit is below 1.
    """

    max_parameters: int | None = None
    max_macs: int | None = None

    def __post_init__(self) -> None:
        for name, limit in self.given:
            if limit < 1:
                raise ConfigurationError(f"{setting_of(name)} (={limit:g}) must be 1 or more.")

    @property
    def given(self) -> tuple[tuple[CostName, float], ...]:
        """The costs that are limited, with their limits."""
        limits = (self.max_parameters, self.max_macs)
        return tuple(
            (name, float(limit))
            for name, limit in zip(COST_NAMES, limits, strict=False)
            if limit is not None
        )

    def excess(self, genotype: Genotype, cost_of: CostOf) -> float:
        """Return by which fraction a genotype exceeds the limit that it exceeds most.

        Args:
            genotype: The genotype.
            cost_of: Returns its costs.

        Returns:
            0 if it is within all limits; 0.5 if it costs half as much again as it may.
        """
        shares = [cost_of(genotype, name) / limit for name, limit in self.given]
        return max(0.0, max(shares, default=0.0) - 1)

    def broken_by(self, genotype: Genotype, cost_of: CostOf) -> str | None:
        """Return the first limit that a genotype exceeds as text, ``None`` if it exceeds none."""
        for name, limit in self.given:
            if (cost := cost_of(genotype, name)) > limit:
                return (
                    f"{cost_text(name, cost)}, more than {setting_of(name)} "
                    f"(={limit_text(name, limit)})"
                )
        return None

    def __str__(self) -> str:
        return " and ".join(
            f"{setting_of(name)} (={limit_text(name, limit)})" for name, limit in self.given
        )


def setting_of(name: CostName) -> str:
    """Return the setting that limits a cost."""
    return f"search.max_{name}" + ("_ms" if name == "latency" else "")


def cost_text(name: CostName, cost: float) -> str:
    """Return a cost as text.

    >>> cost_text("macs", 2.04e7), cost_text("latency", 8.125)
    ('20.4 M multiply-accumulates', '8.12 ms')
    """
    nouns = {"parameters": " parameters", "macs": " multiply-accumulates", "latency": ""}
    return f"{limit_text(name, cost)}{nouns[name]}"


def limit_text(name: CostName, limit: float) -> str:
    """Return the number of a limit as text, with its unit if it has one."""
    return f"{limit:.3g} ms" if name == "latency" else count_text(round(limit))
