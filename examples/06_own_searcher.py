"""Test a searcher of your own and use it; `package/my_package/searchers.py` has the searcher.

    pip install --no-deps ./examples/package
    python examples/06_own_searcher.py

`package/pyproject.toml` offers it to mbnas under the entry point `mbnas.searchers`, by the name
`annealing`. `mbnas search … --searcher annealing` searches by it.
"""

from my_package.searchers import annealing_search

import mbnas
from mbnas.extending import Space
from mbnas.testing import searcher_contract


def toy_score(network: mbnas.Network) -> float:
    """Return a score that dense blocks at a low resolution raise, in place of a training."""
    return sum(0.02 * node.level * (node.block == "dense") for node in network.genotype.nodes)


for check in searcher_contract.CHECKS:
    check(annealing_search, Space(num_nodes=4, num_levels=3), 20)
print(f"The searcher keeps the contract, in {len(searcher_contract.CHECKS)} checks.")

search = mbnas.Search(searcher=annealing_search, networks=100, num_nodes=4, num_levels=3)
while asked := search.ask():
    for each in asked:
        search.tell(each.network, toy_score(each.network))
print(f"Best: {search.best}")
