"""The results of an experiment at one moment, as one value that its page shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mbnas.results.comparison import Comparison
from mbnas.results.search_summary import SearchSummary
from mbnas.results.segmentations.outlined_cases import Segmentations
from mbnas.space.four_spaces import SpaceName


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceSearch:
    """The search of one space.

    Attributes:
        name: Of the space.
        summary: Of its study.
        link: From the experiment's page to the study's own.
    """

    name: SpaceName
    summary: SearchSummary
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedNames:
    """A network of the comparison, and its names in the paper's table.

    Attributes:
        name: Its name in the comparison.
        published: Its names in the paper's table: the spaces that it was found in, or the
            baseline that it is.
    """

    name: str
    published: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentResults:
    """An experiment at one moment.

    Attributes:
        name: Of its directory.
        updated_at: The moment, with a time zone.
        stage: What is running, as text; ``None`` once all is done or if nothing runs.
        searches: Of the spaces whose search was begun, in the paper's order.
        comparison: Of the networks found and the baselines, once they were trained again.
        published_names: Of the comparison's networks, in their order.
        optimism: The search score of the best network of each search next to its score from fresh
            trainings, one sentence each.
        segmentations: Of the networks compared, once they were.
        paper_dataset: Name of the paper's dataset that this is, if it is one.
        files: Paths of tables and figures, relative to the page.
    """

    name: str
    updated_at: datetime
    stage: str | None
    searches: tuple[SpaceSearch, ...]
    comparison: Comparison | None = None
    published_names: tuple[PublishedNames, ...] = ()
    optimism: tuple[str, ...] = ()
    segmentations: Segmentations | None = None
    paper_dataset: str | None = None
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.updated_at.tzinfo is None:
            raise ValueError(f"updated_at (={self.updated_at}) must name its time zone.")
