"""A setting that cannot work is refused in one sentence, before anything is written."""

import os
import shutil
from importlib.metadata import EntryPoint

import pytest

from mbnas.cli.main import main
from mbnas.search import named_search
from mbnas.study import dataset_source

DIGITS = "9" * 5000
NESTED = "[" * 3000 + "]" * 3000


@pytest.fixture(autouse=True)
def _one_core(monkeypatch):
    """Prepare in this process, if a setting gets that far."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)


def refused(capsys, *words):
    """Run a command that must fail with one sentence; return it."""
    capsys.readouterr()
    try:
        status = main([str(each) for each in words])
    except SystemExit as exit_:
        status = exit_.code
    said = capsys.readouterr()
    assert status in (1, 2)
    assert said.out == ""
    lines = [line for line in said.err.splitlines() if not line.startswith("mbnas: warning: ")]
    assert lines[0].startswith("mbnas: ")
    assert lines[-1].endswith(".")
    assert len(said.err) < 1500
    return said.err


SETTINGS = {
    "search=5": "search (=5) must be a section of keys",
    "augmentation=5": "augmentation (=5) must be a section of keys",
    'space.blocks=["vgg", "nope"]': "There is no block 'nope'",
    "space.blocks=[]": "at least one",
    'space.blocks="vgg"': "must be a list",
    "space.kernels=[4]": "must be odd, from 1 to 31",
    "space.kernels=[-3]": "must be odd, from 1 to 31",
    "space.kernels=[9999999]": "must be odd, from 1 to 31",
    'space.block_levels=["vgg"]': "write a block and its levels, such as attention:2-4",
    'space.block_levels=["vgg:4-2"]': "must ascend from 0 or more",
    'space.block_levels=["swin:2"]': "names swin, which is not in space.blocks",
    'space.expansions=["vgg"]': "write a block and one expansion, such as convnext:2",
    'space.expansions=["vgg:0"]': "expansion of block vgg (=0) must be 1 or more",
    'space.expansions=["vgg:2"]': "The block vgg has no expansion to choose (=2)",
    "space.num_nodes=0": "must be 1 or more",
    "space.num_nodes=1000000": "must be 100 or less",
    "space.num_levels=64": "must be 10 or less",
    "training.step=graph": "records a CUDA graph",
    "training.step=fast": "must be",
    "training.batch_size=0": "must be 2 or more",
    "training.batch_size=10000000000": "must be 65536 or less",
    "training.base_channels=0": "must be 1 or more",
    "training.base_channels=1000000000": "must be 1024 or less",
    "training.epochs=-1": "must be 1 or more",
    "training.epochs=1000000000000": "must be 1000000 or less",
    f"training.epochs={DIGITS}": "cannot be read",
    f"training.epochs={DIGITS[:4000]}": "is too large",
    f"training.learning_rate={DIGITS[:4000]}": "is too large",
    f"seed={DIGITS}": "cannot be read",
    f"seed={DIGITS[:4000]}": "is too large",
    f"seed={NESTED}": "cannot be read",
    "training.threads=1000000": "must be 1024 or less",
    "training.learning_rate=nan": "finite",
    "training.learning_rate=inf": "finite",
    "training.learning_rate=1e999": "finite",
    "training.decay_exponent=nan": "finite",
    "training.epochs=true": "must be of type int",
    "training.epochs=1979-05-27": "must be of type int",
    'training.epochs="ten"': "must be of type int",
    "training.epochs={}": "must be of type int",
    "training=3": "must be a section of keys",
    "training.epochs.x=3": "must be of type int",
    "protocol.folds=1": "must be 2 or more",
    "protocol.folds=5": "4 patients cannot fill 5 folds",
    "protocol.folds=100000": "must be 1000 or less",
    "protocol.initialisations=0": "must be 1 or more",
    "protocol.initialisations=100000": "must be 1000 or less",
    "protocol.scored_fraction=nan": "must be above 0",
    "protocol.test_fraction=nan": "must be 0 or more",
    "protocol.test_fraction=0.99": "holds out 4 of 4 patients",
    "preparation.slice_size=0": "must be 1 or more",
    "preparation.slice_size=-1": "must be 1 or more",
    "preparation.slice_size=1": "1×1 pixels",
    "preparation.slice_size=100000": "must be 8192 or less",
    "preparation.slice_axis=3": "must be 0 (left-right)",
    "augmentation.probability=nan": "between 0 and 1",
    "search.evaluations=0": "must be 1 or more",
    "search.racing_threshold=nan": "must be above 0 and below 0.5",
    'search.confirm_also=["none"]': "(=none) must name networks, such as unet",
    "search.start=bogus": "must be random, unet or a genotype",
    "run.device=cuda:99": "is not on this machine",
    "run.device=cuda:-1": "is not a device",
    "run.device=meta": "is not on this machine",
    "run.device=": "is not a device",
    "run.workers=0": "must be 1 or more",
    "run.workers=1000000": "must be 4096 or less",
    "run.retries=1000000000000000000000": "is too large",
    "run.patience_s=nan": "must be above 0",
    "run.executor=slurm": "must be",
    "run.workers=4": "has no effect with run.executor=inline",
    "run.address=auto": "has no effect with run.executor=inline: add --executor ray",
    "search.topology_evaluations=2": "has no effect in the mixed space",
    "data.max_patients=3000": "more patients than the dataset's 4",
    "data.patient_pattern=(": "not a regular expression",
    "data.patient_pattern=absent": "does not match",
    "data.patient_table=/dev/zero": "is not a regular file",
    "data.patient_table=absent.csv": "cannot be read",
    "a.b.c=1": "does not exist",
    "=3": "does not exist",
    "." * 2000 + "=1": "nested too deeply",
}


@pytest.mark.parametrize(
    ("setting", "told"), SETTINGS.items(), ids=[each[:40] for each in SETTINGS]
)
def test_a_search_with_it_starts_nothing(setting, told, dataset, options, tmp_path, capsys):
    study = tmp_path / "new/study"
    inline = ("--set", "run.executor=inline")
    said = refused(capsys, "search", dataset, study, *options, *inline, "--set", setting)
    assert told in said
    assert list(tmp_path.iterdir()) == []


EARLY = {
    ("training.base_channels=6",): "The dense block's out_channels (=6) must be divisible by 4",
    ('augmentation.mirror_pairs=[["left", "right"]]',): "there is no such class",
    ("training.warmup_steps=21",): "must be at most the steps of a training, which are 20 in 4",
    ("search.max_macs=1",): "was found within",
    ("search.max_latency_ms=1e-6",): "take longer than search.max_latency_ms (=1e-06)",
    (
        "space.name=bilevel",
        'search.objective=["dice", "macs"]',
    ): "cannot be searched in the bilevel",
}


@pytest.mark.parametrize(("settings", "told"), EARLY.items(), ids=[each[-1] for each in EARLY])
def test_what_the_dataset_declares_is_enough_to_refuse_it(
    settings, told, dataset, options, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(dataset_source, "prepare_slices", lambda *_, **__: pytest.fail("prepared"))
    asked = [part for each in settings for part in ("--set", each)]
    said = refused(capsys, "search", dataset, tmp_path / "study", *options, *asked)
    assert told in said
    assert list(tmp_path.iterdir()) == []


def test_a_searcher_that_cannot_be_imported_is_refused_before_the_preparation(
    dataset, options, tmp_path, capsys, monkeypatch
):
    point = EntryPoint("broken", "no_such_module:search", "mbnas.searchers")
    monkeypatch.setattr(named_search, "entry_points", lambda *, group: [point])
    monkeypatch.setattr(dataset_source, "prepare_slices", lambda *_, **__: pytest.fail("prepared"))
    asked = ("--set", "search.searcher=broken")
    said = refused(capsys, "search", dataset, tmp_path / "study", *options, *asked)
    assert "cannot be imported: ModuleNotFoundError" in said
    assert list(tmp_path.iterdir()) == []


def test_a_cluster_that_cannot_be_joined_is_refused_before_the_preparation(
    dataset, options, finished, tmp_path, capsys, monkeypatch
):
    pytest.importorskip("ray")
    monkeypatch.setattr(dataset_source, "prepare_slices", lambda *_, **__: pytest.fail("prepared"))
    on_ray = ("--executor", "ray", "--address", "127.0.0.1:1")
    for words in (("search", dataset, tmp_path / "study", *options), ("compare", finished)):
        said = refused(capsys, *words, *on_ray)
        assert "The Ray cluster at 127.0.0.1:1 cannot be joined" in said
    assert list(tmp_path.iterdir()) == []


# Configuration files


@pytest.fixture
def configuration(tmp_path):
    """A function that creates a path of some kind, to pass as a configuration file."""

    def make(kind):
        path = tmp_path / "mine.toml"
        match kind:
            case "folder":
                path.mkdir()
            case "pipe":
                os.mkfifo(path)
            case "loop":
                path.symlink_to(path)
            case "absent":
                pass
            case "huge":
                path.write_bytes(b"#" * 2_000_000)
            case _:
                path.write_text(kind, encoding="latin-1")
        return path

    return make


FILES = {
    "folder": "is not a regular file",
    "pipe": "is not a regular file",
    "loop": "cannot be read",
    "absent": "cannot be read",
    "huge": "is longer than 1.0 MB",
    "caf\xe9 = 1": "is not UTF-8 text",
    "seed = 1\nseed = 2": "is not valid TOML",
    f"seed = {DIGITS}": "is not valid TOML",
    f"seed = {NESTED}": "nested too deeply",
    "seed = 1979-13-77": "is not valid TOML",
    "epochs = 3": "the configuration key epochs does not exist",
}


@pytest.mark.parametrize(("kind", "told"), FILES.items(), ids=[each[:20] for each in FILES])
@pytest.mark.parametrize("command", ["search", "check", "reproduce"])
def test_a_file_that_is_not_a_configuration_is_refused(
    command, kind, told, configuration, dataset, tmp_path, capsys
):
    file = configuration(kind)
    place = () if command == "check" else (tmp_path / "new/study",)
    said = refused(capsys, command, dataset, *place, "--config", file)
    assert told.lower() in said.lower()
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null/absent"])
def test_a_device_is_not_a_configuration(device, dataset, tmp_path, capsys):
    refused(capsys, "search", dataset, tmp_path / "study", "--config", device)
    assert list(tmp_path.iterdir()) == []


# Other commands


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--set", "training.step=graph"), "records a CUDA graph"),
        (("--set", "training.batch_size=1"), "must be 2 or more"),
        (("--size", "100000"), "must be 8192 or less"),
        (("--size", "0"), "must be 1 or more"),
        (("--epochs", DIGITS[:4000]), "is too large"),
        (("--workers", "0"), "must be 1 or more"),
        (("--config", "/dev/zero"), "is not a regular file"),
        (("--set", "space.blocks=[]"), "cannot be set for a final training"),
        (("--set", "augmentation=5"), "augmentation (=5) must be a section of keys"),
    ],
)
def test_train_starts_no_model(options, told, finished, tmp_path, capsys):
    study = shutil.copytree(finished, tmp_path / "study", symlinks=True)
    inline = ("--set", "run.executor=inline")
    assert told in refused(capsys, "train", study, *inline, *options)
    assert not (study / "weights").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("reproduce", "DATA", "NEW", "--set", 'space.blocks=["vgg", "nope"]'), "no block 'nope'"),
        (("reproduce", "DATA", "NEW", "--initialisations", "99999"), "must be 1000 or less"),
        (("reproduce", "DATA", "NEW", "--spaces", "wide"), "which is not a space"),
        (("compare", "STUDY", "--initialisations", "99999"), "must be 1000 or less"),
        (("compare", "STUDY", "--workers", "-1"), "must be 1 or more"),
        (("compare", "STUDY", "--network", "0vgg9999999"), "must be odd, from 1 to 31"),
        (("cost", "unet-genotype", "--size", "100000"), "must be 8192 or less"),
        (("cost", "0vgg3", "--base-channels", "99999"), "must be 1024 or less"),
        (("cost", "0vgg9999999"), "must be odd, from 1 to 31"),
        (("space", "--nodes", "1000000"), "must be 100 or less"),
        (("space", "--levels", "0"), "must be 1 or more"),
    ],
)
def test_other_commands_refuse_it_likewise(words, told, dataset, finished, tmp_path, capsys):
    places = {"DATA": dataset, "STUDY": finished, "NEW": tmp_path / "new"}
    assert told in refused(capsys, *(places.get(each, each) for each in words))
    assert list(tmp_path.iterdir()) == []


# Places of a study


def test_a_study_inside_its_dataset_is_refused(dataset, options, tmp_path, capsys):
    data = shutil.copytree(dataset, tmp_path / "data")
    before = sorted(data.rglob("*"))
    (tmp_path / "link").symlink_to(data)
    for study in (data / "study", data / "imagesTr/new/study", tmp_path / "link/study"):
        said = refused(capsys, "search", data, study, *options)
        assert "is inside the dataset" in said
    assert sorted(data.rglob("*")) == before


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("file", "is a file"),
        ("file/study", "there is a file in place of a folder"),
        ("loop/study", "cannot be written"),
        ("b" * 300, "File name too long"),
    ],
)
def test_a_path_that_cannot_be_a_study_is_refused(place, told, dataset, options, tmp_path, capsys):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    before = sorted(tmp_path.rglob("*"))
    assert told in refused(capsys, "search", dataset, tmp_path / place, *options)
    assert sorted(tmp_path.rglob("*")) == before
