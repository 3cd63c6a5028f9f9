"""Predicted memory against what torch's allocators report, and against sums by hand.

On the CPU the reference is torch's profiler, which reports every allocation. What a convolution
both allocates and frees is left out: that is scratch, and how much of it there is depends on the
processor's instructions. On a CUDA device the reference is the peak that the caching allocator
keeps.
"""

import pytest
import torch
from torch import nn
from torch._C._profiler import _EventType
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

from mbnas.network.architecture import LibraryNetwork
from mbnas.network.build import build_network
from mbnas.network.cost.memory_need import CONTEXT_BYTES, MARGIN, MemoryNeed, memory_need
from mbnas.network.interface import Interface
from mbnas.network.operations import upsampling
from mbnas.space.genotype import Genotype, unet_genotype

NETWORKS = {
    "vgg": Genotype.parse("0vgg3-1vgg5-0vgg3"),
    "residual": Genotype.parse("0residual3-1residual5-0residual3"),
    "dense": Genotype.parse("0dense3-1dense5-0dense3"),
    "inception": Genotype.parse("0inception3-1inception5-0inception3"),
    "convnext": Genotype.parse("0convnext3-1convnext5-0convnext3"),
    "seresidual": Genotype.parse("0seresidual3-1seresidual5-0seresidual3"),
    "mbconv": Genotype.parse("0mbconv3-1mbconv5-0mbconv3"),
    "attention": Genotype.parse("0attention3-1attention5-0attention7"),
    "unet": unet_genotype(),
    "mixed": Genotype.parse("0dense3-1residual5-2inception3-1vgg3-0residual3@2"),
    "baseline": LibraryNetwork(design="Unet", encoder="resnet18"),
}
SIZE, CHANNELS, CLASSES = 32, 2, 3
INTERFACE = Interface(in_channels=CHANNELS, num_classes=CLASSES, size=SIZE)


def builder(name):
    return lambda: build_network(NETWORKS[name], INTERFACE, base_channels=8)


def loss(logits, labels):
    return functional.cross_entropy(logits, labels.long())


def need_of(build, batch=4, **changes):
    settings = {"batch": batch, "validation_batch": 4}
    settings["deterministic"] = False  # on the CPU, where it is measured, it makes no difference
    return memory_need(build, loss, INTERFACE, **settings | changes)


def batch_of(batch, device="cpu"):
    images = torch.zeros(batch, CHANNELS, SIZE, SIZE, device=device)
    labels = torch.zeros(batch, SIZE, SIZE, dtype=torch.uint8, device=device)
    return images.contiguous(memory_format=torch.channels_last), labels


def allocated_peak(work):
    """The peak of tensor bytes during some work, from the allocator's events."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        work()
    events = sorted(
        allocations(profiled.profiler.kineto_results.experimental_event_tree()),
        key=lambda event: event[0].start_time_ns,
    )
    now = peak = 0
    scratch = scratch_of_convolutions(events)
    for number, (event, _) in enumerate(events):
        if number not in scratch:
            now += event.extra_fields.alloc_size
            peak = max(peak, now)
    return peak


def allocations(events, convolution=None):
    """Every allocation and release, with the convolution inside which it happens, if any."""
    for event in events:
        inside = convolution
        if event.tag == _EventType.Allocation:
            yield event, inside
        elif inside is None and event.tag == _EventType.TorchOp and "convolution" in event.name:
            inside = event
        yield from allocations(event.children, inside)


def scratch_of_convolutions(events):
    """Numbers of the events that allocate or release a convolution's scratch memory."""
    scratch, made = set(), {}
    for number, (event, convolution) in enumerate(events):
        if event.extra_fields.alloc_size > 0:
            made[event.extra_fields.ptr] = number, convolution
        else:
            first, maker = made.pop(event.extra_fields.ptr, (None, None))
            if maker is not None and maker is convolution:
                scratch |= {first, number}
    return scratch


def saved_bytes(network, batch):
    """What autograd saves in a step besides parameters and buffers, each storage once."""
    own = {each.untyped_storage().data_ptr() for each in network.state_dict().values()}
    found = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    images, labels = batch_of(batch)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        value = loss(network(images).float(), labels)  # it holds what was saved until here
    del value
    return sum(found.values())


@pytest.mark.parametrize("name", NETWORKS)
def test_the_peak_of_a_step_is_what_the_allocator_reports(name):
    network = builder(name)().to(memory_format=torch.channels_last).train()
    gradients = sum(each.numel() * 4 for each in network.parameters())

    def step():
        images, labels = batch_of(4)
        loss(network(images).float(), labels).backward()

    measured, need = allocated_peak(step), need_of(builder(name))
    # Gradients come one by one while what was saved goes: of the sum, some part at the peak.
    assert 0.99 * need.step <= measured <= 1.01 * need.step + gradients


@pytest.mark.parametrize("name", ["vgg", "dense", "unet"])
def test_upsampling_for_a_gpu_is_counted_exactly(name, monkeypatch):
    network = builder(name)().to(memory_format=torch.channels_last).train()
    gradients = sum(each.numel() * 4 for each in network.parameters())
    monkeypatch.setattr(upsampling, "upsample", upsampling.interleaved)

    def step():
        images, labels = batch_of(4)
        loss(network(images).float(), labels).backward()

    measured, need = allocated_peak(step), need_of(builder(name), deterministic=True)
    assert 0.99 * need.step <= measured <= 1.01 * need.step + gradients


@pytest.mark.parametrize("name", NETWORKS)
def test_the_peak_of_a_prediction_is_what_the_allocator_reports(name):
    network = builder(name)().to(memory_format=torch.channels_last).eval()

    def predict():
        images, labels = batch_of(4)  # labels are loaded with them
        with torch.no_grad():
            network(images).argmax(dim=1)
        del labels

    assert allocated_peak(predict) == pytest.approx(need_of(builder(name)).validation, rel=0.01)


@pytest.mark.parametrize("name", ["vgg", "mixed"])
def test_the_settings_of_the_process_make_no_difference(name):
    def needs():
        return [need_of(builder(name), deterministic=wanted) for wanted in (False, True)]

    before = torch.are_deterministic_algorithms_enabled()
    try:
        torch.use_deterministic_algorithms(True)
        strict = needs()
        assert torch.are_deterministic_algorithms_enabled()
        torch.use_deterministic_algorithms(False)
        assert strict == needs()
        assert not torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(before)
    # interpolation made of shifted maps holds both neighbours of every pixel at a time
    assert strict[0].step < strict[1].step


@pytest.mark.parametrize("batch", [2, 5])
@pytest.mark.parametrize("name", NETWORKS)
def test_no_less_than_what_autograd_saves(name, batch):
    measured, need = saved_bytes(builder(name)().train(), batch), need_of(builder(name), batch)
    assert measured <= need.saved <= need.step
    assert need.saved <= 1.15 * measured


def test_a_single_convolution_by_hand():
    def build():
        return nn.Conv2d(CHANNELS, CLASSES, 3, padding=1)

    pixels = 4 * SIZE * SIZE
    images, logits, labels = 4 * pixels * CHANNELS, 4 * pixels * CLASSES, 8 * pixels
    need = need_of(build)
    assert need.kept == 4 * 4 * (9 * CHANNELS * CLASSES + CLASSES)
    assert need.workspace == images + logits + need.kept // 4
    # images, class indices as read and as integers, logarithms, and two numbers: loss and weight
    assert need.saved == images + pixels + labels + logits + 8
    assert need.step > need.saved


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_kept_is_parameters_four_times_and_buffers(name):
    network = builder(name)()
    expected = sum(4 * each.numel() * 4 for each in network.parameters())
    expected += sum(each.numel() * each.element_size() for each in network.buffers())
    assert need_of(builder(name)).kept == expected


def test_frozen_parameters_are_kept_once():
    def build():
        return nn.Conv2d(CHANNELS, CLASSES, 1).requires_grad_(requires_grad=False)

    def trained():
        return nn.Sequential(build(), nn.Conv2d(CLASSES, CLASSES, 1))

    frozen, learned = CHANNELS * CLASSES + CLASSES, CLASSES * CLASSES + CLASSES
    assert need_of(trained).kept == 4 * (frozen + 4 * learned)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_grows_linearly_with_the_batch(name):
    small, middle, large = (need_of(builder(name), batch) for batch in (16, 32, 48))
    assert small.kept == middle.kept == large.kept
    for first, second, third in (
        (small.saved, middle.saved, large.saved),
        (small.step, middle.step, large.step),
        (small.total, middle.total, large.total),
    ):
        assert third - second == pytest.approx(second - first, rel=1e-3)
        assert second > first


def test_half_precision_saves_about_half_as_much():
    single = need_of(builder("unet"), 32)
    half = need_of(builder("unet"), 32, dtype=torch.bfloat16)
    assert half.kept == single.kept
    assert 0.5 * single.saved < half.saved < 0.65 * single.saved


def test_the_larger_of_step_and_validation_counts():
    need = MemoryNeed(kept=1000, saved=1, step=2000, validation=3000, workspace=4)
    assert need.total == CONTEXT_BYTES + MARGIN * (1000 + 3000 + 4)
    many, few = (need_of(builder("vgg"), validation_batch=batch) for batch in (256, 1))
    assert many.validation > many.step == few.step > few.validation


class LooksAtValues(nn.Module):
    """A network that the meta device cannot run."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(CHANNELS, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, CLASSES, 1)
        )

    def forward(self, images):
        return self.layers(images) * float(images.sum() >= 0)


def test_a_network_that_reads_values_is_run_on_the_cpu():
    plain = need_of(lambda: LooksAtValues().layers, 32)
    looking = need_of(LooksAtValues, 32)
    assert looking.kept == plain.kept
    assert looking.workspace == pytest.approx(plain.workspace, rel=0.01)
    assert looking.saved == pytest.approx(plain.saved, rel=0.15)
    assert looking.saved >= plain.saved


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_cuda_device_reserves_no_more_than_predicted(name, dtype):
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_reserved()
    network = builder(name)().to("cuda", memory_format=torch.channels_last).train()
    optimiser = torch.optim.Adam(network.parameters(), fused=True)
    for _ in range(3):
        images, labels = batch_of(32, "cuda")
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            logits = network(images)
        loss(logits.float(), labels).backward()
        optimiser.step()
    deterministic = torch.are_deterministic_algorithms_enabled()
    need = need_of(builder(name), 32, dtype=dtype, deterministic=deterministic)
    reserved = torch.cuda.max_memory_reserved() - before
    # the allocator takes pieces of 2 and 20 MiB, cuBLAS a workspace of 32 MiB: of the context's
    assert need.kept <= reserved <= need.total
