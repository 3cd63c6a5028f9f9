"""Test a block of your own and use it; `package/my_package/blocks.py` has the block.

    pip install --no-deps ./examples/package
    python examples/05_own_block.py

`package/pyproject.toml` offers it to mbnas under the entry point `mbnas.blocks`, by the name
`ghost`. `mbnas search … --set 'space.blocks=["vgg", "ghost"]'` searches with it.
"""

import mbnas
from mbnas.testing import block_contract

for check in block_contract.CHECKS:
    check("ghost")
print(f"The block keeps the contract, in {len(block_contract.CHECKS)} checks.")

for text in ("0vgg3-1vgg3-0vgg3", "0ghost3-1ghost3-0ghost3"):
    print(f"{text}: {mbnas.Network(text).cost().parameters:,d} parameters")
