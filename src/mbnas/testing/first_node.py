"""Any block can be node 1, whose input is the image: it learns bright and dark structures.

Shape suffixes: B batch, C channels, K classes, H height, W width.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from mbnas.network.genotype_network import Network
from mbnas.space.genotype import Genotype

LEARNT = 0.9
"""Share of pixels to be classified correctly; it is 0.67 if two of three classes are confused."""

STEPS = 120


def check_it_learns_bright_and_dark(name: str) -> None:
    """Check that in node 1 it learns from the image whether structures are bright or dark.

    Of three classes two are below the mean intensity, or above it where intensities are negated.
    What begins with a ReLU on the image cannot tell two classes below the mean apart.
    """
    for sign in (1, -1):
        share = learnt_share(name, sign)
        assert share > LEARNT, (
            f"In node 1 it classifies {share:.0%} of pixels, with intensities times {sign}: its "
            "first operation must be linear."
        )


def learnt_share(name: str, sign: int) -> float:
    """Return the share of pixels that a network of one node classifies correctly after training.

    Args:
        name: The name of its block.
        sign: 1, or -1 to negate intensities.
    """
    generator = torch.Generator().manual_seed(0)
    labels_BHW = torch.randint(0, 3, (4, 4, 4), generator=generator)
    labels_BHW = labels_BHW.repeat_interleave(4, 1).repeat_interleave(4, 2)
    values = torch.tensor([4.0, -1.5, -2.5])[labels_BHW]
    values = values + 0.1 * torch.randn(values.shape, generator=generator)
    images_BCHW = sign * ((values - values.mean()) / values.std())[:, None]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Network(
            Genotype.parse(f"0{name}3"), in_channels=1, num_classes=3, base_channels=16
        )
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(STEPS):
        optimiser.zero_grad()
        logits_BKHW = network(images_BCHW)
        functional.cross_entropy(logits_BKHW, labels_BHW).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return float((logits_BKHW.argmax(dim=1) == labels_BHW).float().mean())
