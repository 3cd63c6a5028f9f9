"""What can be typed: commands, their options, and the nearest option to a mistyped one."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from mbnas.escaping import in_message
from mbnas.version import __version__

Command = Callable[[argparse.Namespace], int]
_SPACES = ("mixed", "macro", "micro", "bilevel")
_PAPER_DATASETS = ("prostate", "spleen")
_EXECUTORS = ("processes", "inline", "ray")
_EXPORTS = ("torch", "onnx", "monai", "nnunet")

_NETWORK = (
    "unet, resunet, unet-genotype, a genotype's text, smp:DESIGN:ENCODER of "
    "segmentation_models_pytorch, or module:PACKAGE.MODULE:NAME of your own"
)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence that names the nearest option."""

    def error(self, message: str) -> NoReturn:
        """Print the sentence and exit with status 2."""
        print(
            in_message(f"mbnas: {message[:1].upper()}{message[1:]}. See {self.prog} --help."),
            file=sys.stderr,
        )
        raise SystemExit(2)

    def options(self) -> list[str]:
        """Return every option that this parser knows."""
        return list(self._option_string_actions)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of one command, with the function to call as ``command``.

    Prints and exits for ``--help``, ``--version`` and errors.
    """
    parser, commands = _parser()
    command = next((each for each in arguments if not each.startswith("-")), None)
    if command is not None and command not in commands:
        parser.error(f"the command {command} does not exist{_nearest(command, commands)}")
    namespace, unknown = parser.parse_known_args(arguments)
    if unknown:
        chosen = commands[namespace.command_name]
        option = unknown[0].split("=")[0]
        if option.startswith("-"):
            chosen.error(f"the option {option} does not exist{_nearest(option, chosen.options())}")
        chosen.error(f"the argument {option} is one too many")
    return namespace


def _nearest(mistyped: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(mistyped, known, n=1, cutoff=0.5)
    return f"; the nearest that does is {near[0]}" if near else ""


def _later(module: str, function: str) -> Command:
    """Return a command whose module is imported when it is called: help stays quick."""

    def run(arguments: argparse.Namespace) -> int:
        command: Command = getattr(import_module(f"mbnas.cli.commands.{module}"), function)
        return command(arguments)

    return run


def _parser() -> tuple[Parser, dict[str, Parser]]:
    parser = Parser(
        prog="mbnas",
        allow_abbrev=False,
        description="Finds the segmentation network a medical dataset deserves, and proves it. "
        "Research software, no medical device.",
    )
    parser.add_argument("--version", action="version", version=f"mbnas {__version__}")
    subparsers = parser.add_subparsers(
        dest="command_name", required=True, metavar="COMMAND", parser_class=Parser
    )
    commands: dict[str, Parser] = {}

    def command(name: str, module: str, text: str) -> Parser:
        added = subparsers.add_parser(name, help=text, description=text, allow_abbrev=False)
        added.set_defaults(command=_later(module, name))
        commands[name] = added
        return added

    _demo(command("demo", "demo", "A synthetic study end to end, in five minutes on two cores."))
    _download(
        command("download", "check", "Fetch a dataset of the Medical Segmentation Decathlon.")
    )
    _check(command("check", "check", "Is this dataset sound? Says what is wrong and where."))
    _search(command("search", "search", "Search a network; run again on the same STUDY to resume."))
    _status(command("status", "status", "Where a search stands."))
    _trainings(
        command("trainings", "trainings", "Which trainings failed and why, or all there are.")
    )
    _compare(
        command(
            "compare",
            "compare",
            "Train the best network and baselines anew, and test the differences.",
        )
    )
    _reproduce(
        command(
            "reproduce",
            "reproduce",
            "The paper's whole experiment on one dataset: four searches, the baselines, one page.",
        )
    )
    _train(
        command("train", "train", "Train the best network, or any, to a model that segments files.")
    )
    _predict(command("predict", "predict", "Label maps of images, by a trained network."))
    _evaluate(
        command("evaluate", "evaluate", "Score label maps, of mbnas or any other program, in 3D.")
    )
    _nnunet(
        command(
            "nnunet",
            "nnunet",
            "nnU-Net's own 2D network and the one found, trained by nnU-Net on the same folds.",
        )
    )
    _export(command("export", "export", "A network for other programs, trained or to be trained."))
    _report(command("report", "status", "Write the study's one self-contained HTML page."))
    _figures(command("figures", "figures", "Draw figures for papers: PDF, SVG and PNG files."))
    _space(command("space", "networks", "The search space: its exact size, a sample, a drawing."))
    _cost(command("cost", "networks", "Parameters, multiply-accumulates and latency of a network."))
    return parser, commands


def _demo(parser: Parser) -> None:
    parser.add_argument(
        "directory",
        nargs="?",
        type=Path,
        metavar="DIR",
        default=Path("mbnas-demo"),
        help="where dataset and study go (default mbnas-demo)",
    )
    parser.add_argument("--seed", type=int, default=0, help="root of all randomness (default 0)")


def _download(parser: Parser) -> None:
    parser.add_argument("task", metavar="TASK", help="which dataset, such as Task05_Prostate")
    parser.add_argument(
        "directory", type=Path, metavar="DIR", help="where its folder goes; made if not there"
    )
    parser.add_argument(
        "--from",
        dest="mirror",
        metavar="URL",
        help="address of a folder with the archives (default: where MONAI fetches them)",
    )


def _check(parser: Parser) -> None:
    _dataset(parser)
    _protocol(parser)
    _configuration(parser)
    _memory(parser)
    _json_or_csv(parser, "the findings")


def _search(parser: Parser) -> None:
    _dataset(parser)
    _study(parser, "directory of the study; made if it is not there")
    parser.add_argument("--space", choices=_SPACES, help="default mixed, which holds the others")
    parser.add_argument("--searcher", choices=("local", "random"), help="default local")
    parser.add_argument(
        "--start",
        metavar="NETWORK",
        help="the first network: random, unet or a genotype's text (default random)",
    )
    _evaluations(parser, "budget of distinct networks (default 150)")
    _racing(parser)
    _running(parser)
    _log(parser)
    _memory(parser)
    _json(parser)


def _status(parser: Parser) -> None:
    _study(parser, "directory of the study")
    parser.add_argument(
        "--watch",
        action="store_true",
        help="keep showing it until the search ends; Ctrl-C leaves the search alone",
    )
    parser.add_argument(
        "--interval",
        type=float,
        default=2.0,
        metavar="S",
        help="how often to look, in seconds (default 2)",
    )
    _json_or_csv(parser, "every network asked for")


def _trainings(parser: Parser) -> None:
    _study(parser, "directory of the study")
    parser.add_argument("--all", action="store_true", help="list every training")
    parser.add_argument(
        "--retry-failed", action="store_true", help="run again those that failed, and list nothing"
    )
    _moved_dataset(parser)
    _json_or_csv(parser, "the trainings listed")


def _compare(parser: Parser) -> None:
    _study(parser, "directory of the study")
    parser.add_argument(
        "--network",
        action="append",
        default=[],
        metavar="NETWORK",
        help="compare this one; may be repeated, and replaces the default list, which is best, "
        f"unet-genotype, unet and resunet: best, {_NETWORK}",
    )
    parser.add_argument(
        "--initialisations", type=int, default=5, metavar="N", help="fresh ones (default 5)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where tables and statistics go as files (default STUDY/comparison)",
    )
    _moved_dataset(parser)
    _workers(parser)
    _log(parser)
    _memory(parser)
    _json_or_csv(parser, "the table")


def _train(parser: Parser) -> None:
    _study(parser, "directory of the study")
    parser.add_argument(
        "--network",
        default="best",
        metavar="NETWORK",
        help=f"train this one (default best): best, {_NETWORK}",
    )
    parser.add_argument(
        "--name",
        metavar="NAME",
        help="the model's folder in STUDY/weights (default: the network's name)",
    )
    parser.add_argument(
        "--all-patients",
        action="store_true",
        help="one network that learns from all patients, in place of one a fold",
    )
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="default: twice those of the search"
    )
    parser.add_argument(
        "--size", type=int, metavar="S", help="side of the slices in pixels (default: the search's)"
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="trainings at a time (default: one a core or GPU)"
    )
    parser.add_argument(
        "--executor",
        choices=("processes", "inline"),
        help="where trainings run: in processes of this machine, or inline in this one "
        "(default processes)",
    )
    _moved_dataset(parser)
    _configuration(parser)
    _memory(parser)
    _json(parser)


def _reproduce(parser: Parser) -> None:
    _dataset(parser)
    parser.add_argument(
        "directory", type=Path, metavar="DIR", help="where all studies go; made if it is not there"
    )
    parser.add_argument(
        "--spaces",
        default=",".join(_SPACES),
        metavar="NAMES",
        help="which to search, separated by commas (default: all four)",
    )
    _evaluations(parser, "budget of distinct networks of each search (default 150)")
    _racing(parser)
    parser.add_argument(
        "--initialisations",
        type=int,
        default=3,
        metavar="N",
        help="fresh ones for the comparison (default 3)",
    )
    parser.add_argument(
        "--network",
        action="append",
        default=[],
        metavar="NETWORK",
        help="compare with this one in place of unet, resunet and unet-genotype; may be "
        f"repeated: {_NETWORK}",
    )
    _running(parser)
    _log(parser)
    _memory(parser)


def _predict(parser: Parser) -> None:
    _study(parser, "directory of a study, or of a model")
    parser.add_argument(
        "input", type=Path, metavar="INPUT", help="a NIfTI image, or a folder of images"
    )
    parser.add_argument(
        "output", type=Path, metavar="OUTPUT", help="a file for a file, a folder for a folder"
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="which of the study's models (default: the only one, or best)",
    )
    parser.add_argument(
        "--fold",
        type=int,
        metavar="K",
        help="only by the network that did not learn from this fold: for patients of the study "
        "(default: the mean of all)",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:0 … (default auto)")
    parser.add_argument(
        "--tta", action="store_true", help="average over flips, as far as training had them"
    )
    parser.add_argument(
        "--keep-largest",
        action="store_true",
        help="keep the largest connected component of every class alone",
    )
    parser.add_argument(
        "--probabilities", action="store_true", help="write them too, a 4D file a case"
    )
    parser.add_argument(
        "--uncertainty",
        action="store_true",
        help="write the entropy of the probabilities too, 0 certain to 1 undecided",
    )
    parser.add_argument(
        "--overlay", action="store_true", help="draw a PNG of every case, to look at"
    )
    parser.add_argument(
        "--onnx", action="store_true", help="accept a model in ONNX format alone: it needs no torch"
    )
    parser.add_argument(
        "--trust-module",
        action="store_true",
        help="run the code of a model whose network is a module of your own",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="cases read, and written, while one is predicted (default 1)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace what another model or option made"
    )
    _memory(parser)


def _evaluate(parser: Parser) -> None:
    parser.add_argument(
        "predictions", type=Path, metavar="PREDICTIONS", help="a label map, or a folder of them"
    )
    parser.add_argument(
        "references", type=Path, metavar="REFERENCES", help="the same of the truth, equally named"
    )
    parser.add_argument(
        "--dataset",
        type=Path,
        metavar="DATASET",
        help="folder whose dataset.json names the classes (default: the label values found)",
    )
    parser.add_argument(
        "--allow-missing",
        action="store_true",
        help="exit with 0 although references have no prediction",
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="cases at a time (default: one a core)"
    )
    _memory(parser)
    _json_or_csv(parser, "every case and class")


def _nnunet(parser: Parser) -> None:
    _study(parser, "directory of the study")
    parser.add_argument(
        "directory", type=Path, metavar="DIR", help="where nnU-Net works; run again to go on"
    )
    parser.add_argument(
        "--network",
        default="best",
        metavar="NETWORK",
        help="best, unet-genotype or a genotype's text (default best)",
    )
    parser.add_argument(
        "--base-channels", type=_positive, metavar="N", help="at its level 0 (default: the study's)"
    )
    parser.add_argument(
        "--epochs", type=int, default=1000, metavar="N", help="of both (default 1000, nnU-Net's)"
    )
    parser.add_argument(
        "--iterations-per-epoch",
        type=int,
        default=250,
        metavar="N",
        help="of both (default 250, nnU-Net's)",
    )
    parser.add_argument(
        "--folds", metavar="NUMBERS", help="which, from 0, separated by commas (default: all)"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:0 … (default auto)")
    parser.add_argument(
        "--processes",
        type=_positive,
        metavar="N",
        help="that nnU-Net may use besides (default: one a core)",
    )
    _memory(parser)
    _moved_dataset(parser)
    _json(parser)


def _export(parser: Parser) -> None:
    parser.add_argument(
        "study",
        metavar="STUDY",
        help="directory of a study or a model; for nnunet of a study, or a genotype's text",
    )
    parser.add_argument(
        "--to",
        required=True,
        choices=_EXPORTS,
        help="torch, ONNX or a MONAI bundle, which hold a trained model; or plans with which "
        "nnU-Net trains the network",
    )
    parser.add_argument(
        "out",
        type=Path,
        metavar="OUT",
        help="folder to write, absent or empty; for nnunet the dataset, by its name in "
        "$nnUNet_preprocessed or its folder there",
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="which of the study's models (default: the only one, or best)",
    )
    parser.add_argument(
        "--trust-module",
        action="store_true",
        help="run the code of a model whose network is a module of your own",
    )
    parser.add_argument(
        "--network", metavar="NETWORK", help="nnunet: which network of the study (default best)"
    )
    parser.add_argument(
        "--base-channels",
        type=_positive,
        metavar="N",
        help="nnunet: channels at level 0 (default: the study's, or 32)",
    )
    parser.add_argument(
        "--plans",
        metavar="NAME",
        help="nnunet: the dataset's plans to follow (default nnUNetPlans)",
    )


def _report(parser: Parser) -> None:
    _study(parser, "directory of the study")


def _figures(parser: Parser) -> None:
    parser.add_argument(
        "studies",
        nargs="+",
        type=Path,
        metavar="STUDY",
        help="directory of a study; progress alone is drawn of several together",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where the files go (default: figures in the first STUDY)",
    )
    parser.add_argument(
        "--format",
        default="pdf,svg,png",
        metavar="FORMATS",
        help="separated by commas (default pdf,svg,png)",
    )
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="TEXT",
        help="what to call a STUDY, once for each in order; studies of one label are runs of one "
        "search (default: the directory's name)",
    )


def _space(parser: Parser) -> None:
    parser.add_argument("--space", choices=_SPACES, help="this one alone (default mixed, and all)")
    parser.add_argument("--nodes", type=int, default=10, help="default 10")
    parser.add_argument("--levels", type=int, default=5, help="default 5")
    parser.add_argument("--sample", type=int, default=1, metavar="N", help="genotypes to draw")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    _json_or_csv(parser, "the size of every space")


def _cost(parser: Parser) -> None:
    parser.add_argument("network", metavar="NETWORK", help=_NETWORK)
    parser.add_argument("--in-channels", type=int, default=1, help="image channels (default 1)")
    parser.add_argument(
        "--classes", type=int, default=2, help="channels of the logits, background included"
    )
    parser.add_argument("--size", type=int, default=128, help="side of the input in pixels")
    parser.add_argument("--base-channels", type=int, default=32, help="default 32")
    parser.add_argument("--device", default="cpu", help="where latency is measured (default cpu)")
    _json(parser)


def _dataset(parser: Parser) -> None:
    parser.add_argument(
        "dataset", type=Path, metavar="DATASET", help="folder in MSD or nnU-Net raw layout"
    )


def _moved_dataset(parser: Parser) -> None:
    parser.add_argument(
        "--dataset",
        type=Path,
        metavar="PLACE",
        help="where the study's dataset is now, if it was moved (default: where it was)",
    )


def _study(parser: Parser, text: str) -> None:
    parser.add_argument("study", type=Path, metavar="STUDY", help=text)


def _protocol(parser: Parser) -> None:
    parser.add_argument(
        "--protocol",
        metavar="NAME",
        help="paper or quick (default: paper where there is a GPU, quick elsewhere)",
    )


def _evaluations(parser: Parser, text: str) -> None:
    parser.add_argument("--evaluations", type=int, metavar="N", help=text)


def _racing(parser: Parser) -> None:
    parser.add_argument(
        "--racing",
        choices=("off", "on", "shadow"),
        help="on: drop a network once it is unlikely to beat the incumbent; shadow: train all, "
        "and report what that would have saved and changed (default off, as in the paper)",
    )


def _running(parser: Parser) -> None:
    """Add what a study that trains is told when it begins."""
    _protocol(parser)
    parser.add_argument(
        "--preset",
        choices=_PAPER_DATASETS,
        help="protocol paper with the paper's settings for this dataset of its own (default: "
        "by the dataset's name, where the protocol is paper)",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="root of all randomness (default 0)")
    _workers(parser)
    parser.add_argument("--device", help="auto, cpu, cuda, cuda:0 … (default auto)")
    _configuration(parser)


def _workers(parser: Parser) -> None:
    parser.add_argument(
        "--workers", type=int, metavar="N", help="trainings at a time (default: one a core or GPU)"
    )
    parser.add_argument(
        "--executor",
        choices=_EXECUTORS,
        help="where trainings run: in processes of this machine, inline in this one, or on a "
        "cluster by Ray (default processes)",
    )
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="of the Ray cluster, or auto for the one that this machine is part of (default: "
        "$RAY_ADDRESS, or else this machine alone)",
    )


def _log(parser: Parser) -> None:
    parser.add_argument(
        "--log",
        choices=("tensorboard",),
        help="write live curves of every training to STUDY/log/tensorboard",
    )


def _configuration(parser: Parser) -> None:
    parser.add_argument(
        "--config", type=Path, metavar="FILE.toml", help="settings, in the form of study.toml"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one setting, such as training.epochs=50; may be repeated",
    )


def _memory(parser: Parser) -> None:
    parser.add_argument(
        "--max-volume-gib",
        metavar="GIB",
        help="refuse images that need more memory to read (default: 75%% of what is available)",
    )


def _json(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _json_or_csv(parser: Parser, what: str) -> None:
    """Add what makes a command print for programs; ``what`` are the rows of CSV."""
    chosen = parser.add_mutually_exclusive_group()
    _json(chosen)
    chosen.add_argument("--csv", action="store_true", help=f"print {what} as CSV")


def _positive(text: str) -> int:
    """Return the number that a text spells, 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} must be a whole number, 1 or more")
    return int(text)
