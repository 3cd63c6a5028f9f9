"""Texts and digests of networks: they round-trip and are unique."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbnas.errors import MbnasError
from mbnas.network.architecture import (
    BASELINES,
    LibraryNetwork,
    OwnNetwork,
    parse_architecture,
    title_of,
)
from mbnas.space.genotype import Genotype, unet_genotype

words = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,9}", fullmatch=True)
identifiers = st.from_regex(r"[a-z_][a-z0-9_]{0,9}", fullmatch=True)
architectures = (
    st.builds(LibraryNetwork, design=words, encoder=words, weights=st.none() | words)
    | st.builds(
        OwnNetwork,
        module=st.lists(identifiers, min_size=1, max_size=3).map(".".join),
        attribute=identifiers,
        fingerprint=st.from_regex(r"[0-9a-f]{8}", fullmatch=True),
    )
    | st.sampled_from([unet_genotype(), Genotype.parse("0vgg3-1dense5")])
)


@given(architectures)
def test_a_text_round_trips(architecture):
    assert parse_architecture(str(architecture)) == architecture


@given(architectures, architectures)
def test_different_networks_have_different_digests(first, second):
    assert (first.digest == second.digest) == (first == second)
    assert len(first.digest) == 16


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_are_known_by_name(name):
    assert parse_architecture(name) == BASELINES[name]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("smp:Unet", "write smp:DESIGN:ENCODER"),
        ("smp:Unet:a:b:c", "write smp:DESIGN:ENCODER"),
        ("smp:Unet:../../etc", "cannot be a name in segmentation_models_pytorch"),
        ("module:nets", "write module:PACKAGE.MODULE:NAME"),
        ("module:lab.nets:Small", "write module:PACKAGE.MODULE:NAME"),
        ("module:lab nets:Small#01234567", "write module:PACKAGE.MODULE:NAME"),
        ("u-net", "cannot be read"),
    ],
)
def test_a_text_that_names_no_network_is_refused(text, rule):
    with pytest.raises(MbnasError, match=rule):
        parse_architecture(text)


def test_titles():
    assert [title_of(each) for each in BASELINES.values()] == [
        "U-Net (VGG-13)",
        "ResU-Net (ResNet-50)",
        "U-Net genotype",
    ]
    assert title_of(LibraryNetwork(design="FPN", encoder="resnet34")) == "FPN (resnet34)"
    assert title_of(Genotype.parse("0vgg3")) == "U-Net genotype"
    assert title_of(Genotype.parse("0vgg5")).startswith("Network ")
