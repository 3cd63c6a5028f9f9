"""What a package that offers a block or a searcher can test it by.

The contracts need no test framework::

    from mbnas.testing import block_contract, searcher_contract
"""

from mbnas.search.testing import searcher_contract
from mbnas.testing import block_contract

__all__ = ["block_contract", "searcher_contract"]
