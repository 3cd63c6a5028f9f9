"""What can be trained: a genotype, a library's network by name, or a user's own module.

All three are values without torch. Each has a one-line text, which users type and the ledger
keeps, and a digest of that text, by which its trainings are found.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from mbnas.errors import UsageError
from mbnas.space.genotype import Genotype, unet_genotype

_LIBRARY, _OWN = "smp:", "module:"
_WORD = re.compile(r"[\w.-]+")
_FINGERPRINT = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryNetwork:
    """A network of segmentation_models_pytorch, by the library's names.

    >>> str(LibraryNetwork(design="Unet", encoder="vgg13"))
    'smp:Unet:vgg13'

    Attributes:
        design: The library's class, such as ``Unet`` or ``FPN``.
        encoder: Name of its encoder.
        weights: Name of pretrained weights of the encoder, or ``None`` for random ones.

    Raises:
        UsageError: if a name contains other characters than letters, digits, ``_``, ``.``, ``-``.
    """

    design: str
    encoder: str
    weights: str | None = None

    def __post_init__(self) -> None:
        for name in (self.design, self.encoder, self.weights):
            if name is not None and not _WORD.fullmatch(name):
                raise UsageError(
                    f"{name!r} cannot be a name in segmentation_models_pytorch: write "
                    "smp:DESIGN:ENCODER, such as smp:Unet:resnet34."
                )

    def __str__(self) -> str:
        weights = "" if self.weights is None else f":{self.weights}"
        return f"{_LIBRARY}{self.design}:{self.encoder}{weights}"

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that name the network."""
        return _digest(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnNetwork:
    """A user's own module, by its import path and a fingerprint of its source.

    >>> str(OwnNetwork(module="lab.nets", attribute="Small", fingerprint="0123abcd"))
    'module:lab.nets:Small#0123abcd'

    Attributes:
        module: Import path of the Python module.
        attribute: Name in it of a class or function that is called with ``in_channels`` and
            ``num_classes`` and returns the ``nn.Module``.
        fingerprint: Eight hexadecimal digits of the source file's hash, so that changed code
            never takes over the scores of earlier code.

    Raises:
        UsageError: if the path is not an import path, or the fingerprint is malformed.
    """

    module: str
    attribute: str
    fingerprint: str

    def __post_init__(self) -> None:
        names = [*self.module.split("."), self.attribute]
        if not all(map(str.isidentifier, names)) or not _FINGERPRINT.fullmatch(self.fingerprint):
            raise UsageError(
                f"{self} is not an import path: write module:PACKAGE.MODULE:NAME, such as "
                "module:lab.nets:Small."
            )

    def __str__(self) -> str:
        return f"{_OWN}{self.module}:{self.attribute}#{self.fingerprint}"

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that name the network and this version of its source."""
        return _digest(self)


Architecture = Genotype | LibraryNetwork | OwnNetwork

BASELINES: dict[str, Architecture] = {
    "unet": LibraryNetwork(design="Unet", encoder="vgg13"),
    "resunet": LibraryNetwork(design="Unet", encoder="resnet50"),
    "unet-genotype": unet_genotype(),
}
"""The names of baselines. ``unet`` and ``resunet`` are the paper's (Bosma et al. 2022, Table 1)."""

_TITLES = {
    BASELINES["unet"]: "U-Net (VGG-13)",
    BASELINES["resunet"]: "ResU-Net (ResNet-50)",
}


def parse_architecture(text: str) -> Architecture:
    """Return the architecture that a text describes in full, as the ledger keeps it.

    >>> parse_architecture("smp:FPN:resnet34")
    LibraryNetwork(design='FPN', encoder='resnet34', weights=None)

    Raises:
        UsageError: if it does not describe an architecture.
    """
    if text in BASELINES:
        return BASELINES[text]
    if text.startswith(_LIBRARY):
        parts = text.removeprefix(_LIBRARY).split(":")
        if len(parts) not in (2, 3):
            raise UsageError(
                f"{text} does not name a network: write smp:DESIGN:ENCODER, such as "
                "smp:Unet:resnet34, and :WEIGHTS after it for pretrained ones."
            )
        design, encoder, *weights = parts
        return LibraryNetwork(
            design=design, encoder=encoder, weights=weights[0] if weights else None
        )
    if text.startswith(_OWN):
        path, _, fingerprint = text.removeprefix(_OWN).partition("#")
        module, _, attribute = path.partition(":")
        return OwnNetwork(module=module, attribute=attribute, fingerprint=fingerprint)
    return Genotype.parse(text)


def is_own(text: str) -> bool:
    """Whether a text names a user's own module, with or without its fingerprint."""
    return text.startswith(_OWN)


def title_of(architecture: Architecture) -> str:
    """Return the title of an architecture in tables.

    >>> title_of(unet_genotype(4)), title_of(BASELINES["resunet"])
    ('U-Net genotype', 'ResU-Net (ResNet-50)')
    """
    if architecture in _TITLES:
        return _TITLES[architecture]
    match architecture:
        case LibraryNetwork(design=design, encoder=encoder):
            return f"{design} ({encoder})"
        case OwnNetwork(attribute=attribute):
            return attribute
        case Genotype():
            if architecture == unet_genotype(architecture.num_levels):
                return "U-Net genotype"
            return f"Network {architecture.digest[:8]}"


def _digest(architecture: LibraryNetwork | OwnNetwork) -> str:
    return hashlib.sha256(str(architecture).encode()).hexdigest()[:16]
