"""The command line, frozen: a change here breaks what users and scripts type."""

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mbnas.cli.arguments import parse
from mbnas.cli.configuration_options import options_layer
from mbnas.cli.main import main
from mbnas.space.space_presets import SPACE_PRESETS
from mbnas.study.configuration_layers import build, merge
from mbnas.version import __version__

COMMANDS = {
    "demo": "DIR --seed --notes",
    "download": "TASK DIR --from",
    "dataset": "IMAGES MASKS OUT --patient-pattern --classes --background --ignore --name "
    "--dry-run --json --max-volume-gib",
    "check": "DATASET --protocol --config --set --max-volume-gib --json --csv",
    "search": "DATASET STUDY --space --searcher --start --confirm --evaluations --racing --hours "
    "--objective --max-parameters --max-macs --max-latency-ms --protocol --preset --seed --workers "
    "--executor --address --device --config --set --log --max-volume-gib --json",
    "settings": "KEY --json --csv",
    "status": "STUDY --watch --interval --json --csv",
    "choose": "STUDY --max-parameters --max-macs --max-latency-ms --json",
    "explain": "STUDY --json",
    "trainings": "STUDY --all --retry-failed --dataset --json --csv",
    "compare": "STUDY --network --initialisations --output --dataset --workers --executor "
    "--address --log --notes --max-volume-gib --json --csv",
    "reproduce": "DATASET DIR --spaces --evaluations --racing --initialisations --network "
    "--protocol --preset --seed --workers --executor --address --device --config "
    "--set --log --notes --max-volume-gib",
    "train": "STUDY --network --name --all-patients --epochs --size --workers --executor --dataset "
    "--config --set --max-volume-gib --json",
    "predict": "STUDY INPUT OUTPUT --model --fold --device --tta --keep-largest --probabilities "
    "--uncertainty --overlay --dicom-seg --onnx --trust-module --workers --overwrite "
    "--max-volume-gib",
    "evaluate": "PREDICTIONS REFERENCES --dataset --allow-missing --markdown --workers --notes "
    "--max-volume-gib --json --csv",
    "nnunet": "STUDY DIR --network --base-channels --epochs --iterations-per-epoch --folds "
    "--device --processes --notes --max-volume-gib --dataset --json",
    "export": "STUDY OUT --to --model --trust-module --network --base-channels --plans",
    "report": "STUDY --live --port",
    "figures": "STUDY --output --format --label",
    "space": "--space --nodes --levels --sample --seed --set --json --csv",
    "cost": "NETWORK --in-channels --classes --size --base-channels --device --json",
}

DEFAULTS = {
    "demo": {"directory": Path("mbnas-demo"), "seed": 0},
    "download TASK DIR": {},
    "check DATASET": {"set": []},
    "search DATASET STUDY": {"set": []},
    "settings": {},
    "status STUDY": {},
    "choose STUDY": {},
    "explain STUDY": {},
    "trainings STUDY": {},
    "compare STUDY": {"network": [], "initialisations": 5},
    "reproduce DATASET DIR": {
        "spaces": "mixed,macro,micro,bilevel",
        "initialisations": 3,
        "network": [],
        "set": [],
    },
    "train STUDY": {"network": "best", "set": []},
    "predict STUDY INPUT OUTPUT": {"device": "auto", "workers": 1},
    "evaluate PREDICTIONS REFERENCES": {},
    "nnunet STUDY DIR": {
        "network": "best",
        "epochs": 1000,
        "iterations_per_epoch": 250,
        "device": "auto",
    },
    "export STUDY OUT --to torch": {},
    "report STUDY": {},
    "figures STUDY": {"format": "pdf,svg,png", "label": []},
    "space": {"nodes": 10, "levels": 5, "sample": 1, "seed": 0, "set": []},
    "cost NETWORK": {
        "in_channels": 1,
        "classes": 2,
        "size": 128,
        "base_channels": 32,
        "device": "cpu",
    },
}

CHOICES = {
    "search DATASET STUDY": {
        "--space": "mixed macro micro bilevel modern",
        "--racing": "off on shadow",
        "--preset": "prostate spleen",
        "--executor": "processes inline ray",
        "--log": "tensorboard wandb mlflow",
    },
    "compare STUDY": {"--executor": "processes inline ray", "--log": "tensorboard wandb mlflow"},
    "reproduce DATASET DIR": {
        "--racing": "off on shadow",
        "--preset": "prostate spleen",
        "--executor": "processes inline ray",
        "--log": "tensorboard wandb mlflow",
    },
    "train STUDY": {"--executor": "processes inline"},
    "export STUDY OUT": {"--to": "torch onnx monai nnunet"},
    "space": {"--space": "mixed macro micro bilevel modern"},
}


def printed(*arguments):
    """Return what a command prints that exits with status 0."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    return out.getvalue()


def test_the_commands_are_frozen():
    shown = re.findall(r"^    ([a-z]+)(?: |$)", printed("--help"), flags=re.MULTILINE)
    assert shown == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_options_of_a_command_are_frozen(command):
    listed = printed(command, "--help")
    places = re.findall(r"^  ([A-Z]+)  ", listed, flags=re.MULTILINE)
    options = re.findall(r"^  (--[a-z-]+)", listed, flags=re.MULTILINE)
    assert [*places, *options] == COMMANDS[command].split()


@pytest.mark.parametrize("typed", DEFAULTS)
def test_the_defaults_of_a_command_are_frozen(typed):
    """All other options have the default None or False."""
    words = typed.split()
    defaults = {
        name: value
        for name, value in vars(parse(words)).items()
        if value is not None and value is not False and str(value) not in words
    }
    assert callable(defaults.pop("command"))
    defaults.pop("studies", None)
    assert defaults == DEFAULTS[typed]


def test_every_option_is_explained():
    for command in COMMANDS:
        listed = printed(command, "--help").partition("\noptions:\n")[2]
        for entry in re.split(r"\n(?=  -)", listed):
            assert re.search(r"  \S.*( {2,}|\n +)\S", entry), (command, entry)


def test_the_version(capsys):
    assert printed("--version") == f"mbnas {__version__}\n"


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["serch", "data", "study"],
            "The command serch does not exist; the nearest is search.",
        ),
        (["zzzzzzzz"], "The command zzzzzzzz does not exist."),
        ([], "The following arguments are required: COMMAND."),
        (
            ["search", "data", "study", "--evaluation", "3"],
            "The option --evaluation does not exist; the nearest is --evaluations.",
        ),
        (
            ["search", "data", "study", "--worker=3"],
            "The option --worker does not exist; the nearest is --workers.",
        ),
        (
            ["status", "study", "other"],
            "The argument other is one too many.",
        ),
        (
            ["search", "data"],
            "The following arguments are required: STUDY.",
        ),
        (
            ["search", "data", "study", "--evaluations", "many"],
            "Argument --evaluations: invalid int value: 'many'.",
        ),
        (
            ["search", "data", "study", "--workers"],
            "Argument --workers: expected one argument.",
        ),
    ],
)
def test_an_error_is_one_sentence(arguments, sentence, capsys):
    known = "".join(f" {each}" for each in arguments[:1] if each in COMMANDS)
    said = f"mbnas: {sentence} See mbnas{known} --help.\n"
    assert refused(capsys, *arguments) == said


@pytest.mark.parametrize(
    ("typed", "option", "choices"),
    [
        (typed, option, choices)
        for typed, options in CHOICES.items()
        for option, choices in options.items()
    ],
)
def test_the_choices_of_an_option_are_frozen(typed, option, choices, capsys):
    said = refused(capsys, *typed.split(), option, "nonsense").replace("'", "")
    assert f"invalid choice: nonsense (choose from {', '.join(choices.split())})" in said


@pytest.mark.parametrize(
    ("typed", "lines"),
    [
        (
            [],
            [
                "19 006 640 topologies",
                "1 176 841 051 554 447 360 genotypes",
                "macro    19 006 640 topologies, 19 006 640 genotypes",
                "micro    1 topology, 61 917 364 224 genotypes",
                "bilevel  19 006 640 topologies with VGG 3, then 59 049 choices of kernels on",
                "modern   19 006 640 topologies, 317 028 492 995 514 254 640 genotypes",
            ],
        ),
        (
            ["--nodes", "5", "--levels", "3"],
            ["micro    The micro space has the U-Net's levels and skips, which need 6 nodes"],
        ),
        (
            ["--space", "modern"],
            ["317 028 492 995 514 254 640 genotypes"],
        ),
        (
            [
                "--set",
                'space.blocks=["vgg","attention"]',
                "--set",
                'space.block_levels=["attention:2-4"]',
            ],
            ["levels of blocks attention:2-4"],
        ),
        (
            ["--set", 'space.blocks=["vgg","mbconv"]', "--set", 'space.expansions=["mbconv:2"]'],
            [
                "further expansions mbconv:2",
                f"{19_006_640 * 9**10:,} genotypes".replace(",", " "),
                "modern   19 006 640 topologies, 317 028 492 995 514 254 640 genotypes",
            ],
        ),
        (["--space", "micro"], ["1 topology", "61 917 364 224 genotypes"]),
        (
            ["--space", "bilevel"],
            [
                "19 006 640 topologies with VGG 3",
                "then 59 049 choices of kernels on the best one",
            ],
        ),
    ],
    ids=" ".join,
)
def test_spaces_are_counted(typed, lines, capsys):
    assert main(["space", "--sample", "0", *typed]) == 0
    said = capsys.readouterr().out
    assert all(f"\n{line}" in said for line in lines)


def test_a_space_that_cannot_exist_is_misuse(capsys):
    assert main(["space", "--space", "micro", "--nodes", "5"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith("Set space.num_nodes to 10.\n")


def test_flags_of_the_search_are_keys_of_the_configuration():
    typed = ["search", "data", "study", "--space", "macro", "--start", "unet"]
    assert options_layer(parse(typed)) == {"space": {"name": "macro"}, "search": {"start": "unet"}}


def test_a_preset_of_a_space_is_written_as_its_settings():
    typed = ["search", "data", "study", "--space", "modern", "--set", "space.num_nodes=9"]
    layer = options_layer(parse(typed))
    assert layer == {"space": {**SPACE_PRESETS["modern"], "num_nodes": 9}}
    assert "convnext" in build(merge({"dataset": "/data"}, layer)).space.searched.blocks


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["search", "--help"],
        ["space"],
        ["status", "STUDY"],
        ["status", "STUDY", "--watch"],
        ["choose", "STUDY"],
        ["explain", "STUDY"],
        ["trainings", "STUDY"],
        ["report", "STUDY"],
        ["check", "DATA", "--protocol", "quick"],
    ],
    ids=" ".join,
)
def test_commands_that_do_not_train_do_not_load_torch(arguments, finished, dataset):
    places = {"STUDY": str(finished), "DATA": str(dataset)}
    code = (
        "import sys\nfrom mbnas.cli.main import main\n"
        "if __name__ == '__main__':\n"
        f"    try: status = main({[places.get(each, each) for each in arguments]!r})\n"
        "    except SystemExit as ended: status = ended.code\n"
        "    sys.exit(status or ('torch was loaded' if 'torch' in sys.modules else 0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_costs_are_read_with_their_units():
    typed = ["search", "data", "study", "--max-macs", "1.5G", "--objective", "dice,macs"]
    expected = {"search": {"max_macs": 1_500_000_000, "objective": ["dice", "macs"]}}
    assert options_layer(parse(typed)) == expected


@pytest.mark.parametrize("text", ["none", "0", "1.5", "-3M", "", "M", "nan", "1e99999"])
def test_a_limit_that_is_no_count_is_refused(text, capsys):
    with pytest.raises(SystemExit):
        parse(["choose", "study", f"--max-macs={text}"])
    assert "must be a count of 1 or more, such as 940k or 20M" in capsys.readouterr().err
