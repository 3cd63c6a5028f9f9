"""Networks as nnU-Net calls them: shapes, deep supervision, names of weights."""

import pytest
import torch

from mbnas.errors import GenotypeError
from mbnas.network.blocks import BLOCKS
from mbnas.network.genotype_network import Network
from mbnas.nnunet.network import NNUNetNetwork
from mbnas.space.genotype import Genotype, unet_genotype

FOUR_STAGES = [[1, 1], [2, 2], [2, 2], [2, 2]]
MIXED = "1residual3-2vgg5-2inception3-3dense3-2vgg3-1vgg3@2-0inception3-0dense5"


def network(genotype=MIXED, *, deep_supervision=True, strides=FOUR_STAGES, channels=2):
    torch.manual_seed(0)
    return NNUNetNetwork(
        input_channels=channels,
        num_classes=3,
        deep_supervision=deep_supervision,
        genotype=str(genotype),
        base_channels=4,
        strides=strides,
    ).eval()


@pytest.mark.parametrize("size", [(56, 40), (64, 64), (33, 47), (8, 8)])
@pytest.mark.parametrize("batch", [1, 3])
def test_outputs_are_as_large_as_nnunets_scaled_references(size, batch):
    with torch.no_grad():
        outputs = network()(torch.randn(batch, 2, *size))
    assert [tuple(each.shape) for each in outputs] == [
        (batch, 3, *(round(side * scale) for side in size)) for scale in (1, 0.5, 0.25)
    ]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("num_levels", [1, 2, 5])
def test_every_block_and_depth_gives_an_output_for_every_stage_but_the_last(block, num_levels):
    genotype = str(unet_genotype(num_levels)).replace("vgg", block)
    with torch.no_grad():
        outputs = network(genotype)(torch.randn(2, 2, 56, 40))
    assert [tuple(each.shape[-2:]) for each in outputs] == [(56, 40), (28, 20), (14, 10)]


def test_strides_may_differ_between_height_and_width():
    strides = [[1, 1], [2, 2], [2, 1], [2, 2]]
    with torch.no_grad():
        outputs = network(strides=strides)(torch.randn(1, 2, 48, 20))
    assert [tuple(each.shape[-2:]) for each in outputs] == [(48, 20), (24, 10), (12, 10)]


def test_without_deep_supervision_the_highest_resolution_alone_is_given_and_is_the_same():
    made, images = network(), torch.randn(1, 2, 56, 40)
    with torch.no_grad():
        highest, *_ = made(images)
        made.decoder.deep_supervision = False
        alone = made(images)
    torch.testing.assert_close(alone, highest)


def test_logits_are_those_of_the_genotypes_network():
    made, images = network(deep_supervision=False), torch.randn(1, 2, 33, 47)
    plain = Network(Genotype.parse(MIXED), in_channels=2, num_classes=3, base_channels=4).eval()
    plain.load_state_dict(made.network.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(made(images), plain(images))


def test_weights_have_the_same_names_with_and_without_deep_supervision():
    trained, used = network(), network(deep_supervision=False)
    used.load_state_dict(trained.state_dict())
    assert list(used.state_dict()) == list(trained.state_dict())


def test_lower_resolutions_are_told_by_the_last_cell_of_each():
    made = network(MIXED)
    assert made.decoder.sources == (5, 4)  # nodes 6 and 5, in the expanding path
    assert made.decoder.levels == (1, 2)


def test_a_resolution_that_no_cell_has_takes_the_nearest_cell():
    made = network("0vgg3-1vgg3-0vgg3", strides=[[1, 1], *[[2, 2]] * 4])
    assert made.decoder.levels == (1, 1, 1)
    assert made.decoder.sources == (1, 1, 1)


def test_all_weights_learn_from_all_outputs_together():
    made = network().train()
    sum(each.square().mean() for each in made(torch.randn(4, 2, 56, 40))).backward()
    silent = [name for name, each in made.named_parameters() if each.grad is None]
    assert silent == []


def test_a_text_that_is_no_genotype_is_refused():
    with pytest.raises(GenotypeError, match="cannot be read"):
        network("unet")
