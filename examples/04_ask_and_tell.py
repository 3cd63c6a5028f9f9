"""Search with trainings of your own: ask for networks, train them anywhere, tell their scores.

    python examples/04_ask_and_tell.py

Here a training is a call of `toy_dice`. Replace it by yours: your loader, your loss, your cluster.
"""

import torch

import mbnas


def toy_dice(network: mbnas.Network, seed: int) -> float:
    """Train a network to find bright squares, and return its Dice on new ones."""
    torch.manual_seed(seed)
    module = network.build(in_channels=1, num_classes=2, base_channels=4)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(10):
        images, labels = draw_squares(8)
        loss = torch.nn.functional.cross_entropy(module(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    images, labels = draw_squares(16)
    with torch.no_grad():
        predicted = module.eval()(images).argmax(dim=1)
    overlap = (predicted * labels).sum()
    return (2 * overlap / (predicted.sum() + labels.sum())).item()


def draw_squares(number: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images (number, 1, 16, 16) and their labels (number, 16, 16)."""
    labels = torch.zeros(number, 16, 16, dtype=torch.int64)
    for each in labels:
        row, column = torch.randint(0, 10, (2,)).tolist()
        each[row : row + 6, column : column + 6] = 1
    return labels[:, None] + 0.5 * torch.randn(number, 1, 16, 16), labels


search = mbnas.Search(
    "mixed",
    searcher="local",
    networks=6,
    initialisations=2,
    num_nodes=4,
    num_levels=3,
    size=16,
    base_channels=4,
)
while asked := search.ask():
    for each in asked:
        first = each.total - each.missing
        scores = [toy_dice(each.network, seed) for seed in range(first, each.total)]
        search.tell(each.network, scores)
        print(f"{each.network}: {', '.join(f'{score:.3f}' for score in scores)} ({each.why})")

print(f"Best: {search.best}")
