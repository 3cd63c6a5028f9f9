"""What the page of a whole experiment tells, as one value: no disk, no clock behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mbnas.results.comparison import Comparison
from mbnas.results.search_summary import SearchSummary
from mbnas.results.segmentations.outlined_cases import Segmentations
from mbnas.space.four_spaces import SpaceName


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedSpace:
    """The search of one space.

    Attributes:
        name: Of the space.
        summary: What its study has to tell.
        link: Where the study's own page lies, from the experiment's.
    """

    name: SpaceName
    summary: SearchSummary
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A network of the comparison, and where the paper's table has it.

    Attributes:
        name: What the comparison calls it.
        published: Its names in the paper's table: those of the spaces that it was found
            in, or of the baseline that it is.
    """

    name: str
    published: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentResults:
    """An experiment at one moment.

    Attributes:
        name: Of its directory.
        updated_at: When this was so; with a time zone.
        stage: What is under way, in words; ``None`` once all is done or nothing is.
        searches: Of the spaces that were begun, in the paper's order.
        comparison: The networks found and the baselines, trained anew, if they were.
        rows: Of the comparison's networks, in their order.
        optimism: What each search saw for its best beside the fresh score, in words.
        segmentations: What the networks compared made of the patients, if they were.
        paper_dataset: Which of the paper's datasets this is, if it is one.
        files: Paths of tables and figures, from the page's.
    """

    name: str
    updated_at: datetime
    stage: str | None
    searches: tuple[SearchedSpace, ...]
    comparison: Comparison | None = None
    rows: tuple[Row, ...] = ()
    optimism: tuple[str, ...] = ()
    segmentations: Segmentations | None = None
    paper_dataset: str | None = None
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.updated_at.tzinfo is None:
            raise ValueError(f"updated_at (={self.updated_at}) must name its time zone.")
