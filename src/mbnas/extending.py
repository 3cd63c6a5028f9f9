"""What blocks and searchers of other packages are written with; :mod:`mbnas.testing` tests them.

A searcher is a function that returns a generator of proposals:

>>> import numpy as np
>>> from mbnas.extending import Genotype, Proposal, Searcher, Space
>>> def shuffled(space: Space, rng: np.random.Generator, start: Genotype | None = None) -> Searcher:
...     while True:
...         drawn = space.sample(rng)
...         (score,) = yield Proposal(genotypes=(drawn,), incumbent=None, why="drawn")
>>> import mbnas
>>> search = mbnas.Search(searcher=shuffled, networks=5, num_nodes=3, num_levels=2)
>>> len(search.ask())
1
"""

from mbnas.network.blocks.image_extent import Extent, ExtentBlock
from mbnas.search.searcher import Proposal, Searcher
from mbnas.space.genotype import Genotype, Node
from mbnas.space.search_space import Space, Variable

__all__ = [
    "Extent",
    "ExtentBlock",
    "Genotype",
    "Node",
    "Proposal",
    "Searcher",
    "Space",
    "Variable",
]
