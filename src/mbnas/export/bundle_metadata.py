"""``metadata.json`` of a MONAI bundle: the network, its input and its output.

Source: MONAI bundle specification, https://docs.monai.io/en/stable/mb_specification.html.
"""

from __future__ import annotations

from importlib.metadata import version

from mbnas.data.datasets.normalisation import is_ct
from mbnas.escaping import in_source
from mbnas.network.architecture import LibraryNetwork, title_of
from mbnas.prediction.model.model_card import NOTICE, ModelCard
from mbnas.version import __version__

_PAPER = (
    "Bosma et al. 2022, Mixed-Block Neural Architecture Search for Medical Image Segmentation, "
    "https://arxiv.org/abs/2202.11401"
)
_SCHEMA = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/"
    "meta_schema_20240725.json"
)


def bundle_metadata(card: ModelCard) -> dict[str, object]:
    """Return the metadata of a model's bundle.

    Names from the dataset are escaped, as MONAI runs text that starts with ``$``.
    """
    dataset, title = in_source(card.dataset), title_of(card.architecture)
    foreground = [in_source(each.name) for each in card.classes]
    names = foreground if card.labels.has_regions else ["background", *foreground]
    packages = {name: version(name) for name in _packages(card)}
    return {
        "schema": _SCHEMA,
        "version": "0.1.0",
        "changelog": {"0.1.0": f"exported by mbnas {__version__}"},
        "monai_version": version("monai"),
        "pytorch_version": version("torch"),
        "numpy_version": version("numpy"),
        "required_packages_version": packages,
        "name": f"{dataset} segmentation by mbnas",
        "task": f"Segmentation of {', '.join(foreground)}",
        "description": f"{title}, an ensemble of {len(card.members)} 2D networks trained on "
        f"{dataset}, each on different patients. Volumes are cut across their canonical axis "
        f"{card.slice_axis}.{_neighbours(card)}",
        "authors": "made by mbnas",
        "copyright": "of the model: whoever trained it; of the scripts: Apache-2.0",
        "data_source": dataset,
        "data_type": "nifti" if card.unit == "mm" else "png",
        "intended_use": NOTICE,
        "references": [_PAPER],
        "supported_apps": {},
        "network_data_format": {
            "inputs": {"image": _image(card)},
            "outputs": {"pred": _probabilities(names)},
        },
    }


def _packages(card: ModelCard) -> list[str]:
    library = isinstance(card.architecture, LibraryNetwork)
    return ["nibabel", "pillow", "tifffile", *(["segmentation-models-pytorch"] if library else [])]


def _neighbours(card: ModelCard) -> str:
    if not card.context:
        return ""
    return (
        f" A network sees {card.context} before and {card.context} after each slice as further "
        "channels."
    )


def _image(card: ModelCard) -> dict[str, object]:
    return {
        "type": "image",
        "format": "hounsfield" if all(map(is_ct, card.channels)) else "magnitude",
        "modality": ", ".join(dict.fromkeys(map(in_source, card.channels))),
        "num_channels": len(card.input_channels),
        "spatial_shape": ["*", "*"],
        "dtype": "float32",
        "value_range": [],
        "is_patch_data": False,
        "channel_def": {
            str(number): in_source(each) for number, each in enumerate(card.input_channels)
        },
    }


def _probabilities(names: list[str]) -> dict[str, object]:
    return {
        "type": "probabilities",
        "format": "labels",
        "num_channels": len(names),
        "spatial_shape": ["*", "*"],
        "dtype": "float32",
        "value_range": [0, 1],
        "is_patch_data": False,
        "channel_def": {str(number): name for number, name in enumerate(names)},
    }
