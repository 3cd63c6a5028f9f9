"""What can be known before a study begins: all that its settings and its dataset.json tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mbnas.data.augmentation.laterality import flips_of
from mbnas.data.datasets.dataset import Dataset
from mbnas.errors import ConfigurationError
from mbnas.network.architecture import Architecture
from mbnas.network.blocks import block_class
from mbnas.network.build import build_network, check_blocks, check_logits
from mbnas.study.configuration import Configuration
from mbnas.study.cost.network_costs import Declared, check_limits, interface_of
from mbnas.training.device.device_setup import resolve_device
from mbnas.training.protocol import check_warmup
from mbnas.workers.ray.cluster import check_cluster


def resolve_automatic(configuration: Configuration) -> Configuration:
    """Return a configuration with its device and the split of a bilevel budget decided."""
    device = resolve_device(configuration.run.device)
    return replace(
        configuration,
        run=replace(configuration.run, device=device),
        search=configuration.search.split_resolved(configuration.space),
    )


def check_new_study(configuration: Configuration, dataset: Dataset) -> None:
    """Raise if a study cannot begin, before any work that takes long, also on other studies.

    Raises:
        ConfigurationError: if a setting cannot work here or for the dataset.
    """
    configuration = resolve_automatic(configuration)
    check_possible(configuration)
    check_beginning(configuration, dataset)


def check_possible(configuration: Configuration) -> None:
    """Raise if a setting cannot work here, in a new study or a resumed one.

    Raises:
        ConfigurationError: if a block or its expansion does not exist, or the device has no CUDA
            graphs.
        UsageError: if trainings shall run on Ray, and it is not installed.
        StudyError: if its cluster cannot be joined.
    """
    space = configuration.space.searched
    for name in space.blocks:
        block_class(name)
    for each in space.expansions:
        block_class(each.block, each.expansion)
    device = configuration.run.device
    if configuration.training.step == "graph" and not device.startswith("cuda"):
        raise ConfigurationError(
            f"training.step (=graph) records a CUDA graph, and run.device is {device}: use eager, "
            "compiled or auto."
        )
    if configuration.run.executor == "ray":
        check_cluster(configuration.run.address)


def check_beginning(configuration: Configuration, declared: Declared) -> None:
    """Raise if a new study would fail later by its settings, which it could not change then.

    Args:
        configuration: Of the study, with everything automatic resolved.
        declared: The channels and labels of its dataset.

    Raises:
        ConfigurationError: if a block cannot have its width, classes that a flip exchanges do
            not exist, the warm-up is longer than a training, or the search cannot start within its
            limits.
    """
    check_warmup(configuration.training)
    check_blocks(configuration.space.searched, configuration.training.base_channels)
    names = [each.name for each in declared.classes]
    flips_of(configuration.augmentation, names, has_regions=declared.labels.has_regions)
    check_limits(configuration, interface_of(configuration, declared))


def check_networks(
    networks: Iterable[Architecture], configuration: Configuration, declared: Declared
) -> None:
    """Raise if a network cannot be built or trained, before days are spent on searches.

    Args:
        networks: Those to train besides the networks of the space.
        configuration: Of the study.
        declared: The channels and labels of its dataset.

    Raises:
        ConfigurationError: if a network cannot be built or gives no logits.
    """
    interface = interface_of(configuration, declared)
    for network in networks:
        built = build_network(
            network, interface, base_channels=configuration.training.base_channels
        )
        check_logits(built, interface, name=str(network))
