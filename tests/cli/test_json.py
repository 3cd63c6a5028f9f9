"""The output of --json has exactly the keys that docs/json.md documents."""

import csv
import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mbnas.cli.main import main
from mbnas.study.ledger.ledger import Ledger
from mbnas.training.training_record import LostRunRecord

PAGE = Path(__file__).parents[2] / "docs/json.md"


def documented(command):
    """Return the keys in a command's table on the page."""
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (section,) = [each for each in sections if f"`mbnas {command}`" in each.partition("\n")[0]]
    return set(re.findall(r"^\| `([^`]+)` \|", section, flags=re.MULTILINE))


def keys(value, path="", *, unnamed=("best",)):
    """Return every path to a value, except below keys that are documented elsewhere."""
    if isinstance(value, dict) and path not in unnamed:
        below = [(f"{path}.{key}" if path else key, each) for key, each in value.items()]
        found = {name for name, _ in below}
    elif isinstance(value, list):
        below, found = [(f"{path}[]", each) for each in value], set()
    else:
        return set()
    return found.union(*(keys(each, name, unnamed=unnamed) for name, each in below))


@pytest.fixture
def printed(capsys):
    def run(*arguments, status=0):
        capsys.readouterr()
        assert main([*map(str, arguments), "--json"]) == status
        return json.loads(capsys.readouterr().out)

    return run


def test_check(printed, dataset, tmp_path):
    strange = shutil.copytree(dataset, tmp_path / "strange")
    (strange / "imagesTr/stray.mnc").touch()
    found = printed("check", strange, "--set", "protocol.folds=5", status=1)
    assert keys(found) == documented("check")
    rules = [finding["rule"] for finding in found["findings"]]
    assert (found["sound"], rules) == (False, ["passed-over", "too-few-patients"])
    sound = printed("check", dataset, "--set", "protocol.folds=2")
    assert (sound["sound"], sound["findings"], sound["dataset"]["cases"]) == (True, [], 4)


def test_dataset(printed, tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        for number in range(2):
            pixels = np.full((9, 9), 9 * number, np.uint8)
            pixels[2:5, 2:5] = 200
            Image.fromarray(pixels).save(tmp_path / folder / f"{number}.png")
    (tmp_path / "images/stray.mnc").touch()
    folders = (tmp_path / "images", tmp_path / "masks")
    found = printed("dataset", *folders, "--dry-run", "--ignore", "9")
    below = {f"ignored.{key}" for key in found["ignored"]}
    of_series = {key for key in documented("dataset") if key.startswith(("series", "channel"))}
    assert keys(found, unnamed=("dataset",)) - below == documented("dataset") - of_series
    assert printed("check", tmp_path, status=1).keys() == found.keys()


def test_evaluate(printed, dataset, tmp_path):
    references, predictions = dataset / "labelsTr", tmp_path / "predictions"
    shutil.copytree(references, predictions)
    broken, absent, *_ = predictions.iterdir()
    labels = broken.read_bytes()
    broken.write_bytes(b"no image")
    absent.rename(tmp_path / "absent")
    (predictions / "stray.mnc").touch()
    options = ("--dataset", dataset, "--workers", "1")
    found = printed("evaluate", predictions, references, *options, status=1)
    assert keys(found) == documented("evaluate")
    assert len(found["failed"]) == len(found["passed_over"]) == len(found["missing"]) == 1
    broken.write_bytes(labels)
    (tmp_path / "absent").rename(absent)
    found = printed("evaluate", predictions, references, *options)
    assert {each["dice"] for each in found["values"]} <= {1, None}


def test_status(printed, confirmed):
    found = printed("status", confirmed)
    assert keys(found) == documented("status")
    assert keys(found["best"]) == keys(found["evaluations"][0])
    assert found["best"] in found["evaluations"]


def test_choose(printed, finished):
    found = printed("choose", finished)
    open_keys = {name for name in documented("choose") if name.startswith("comparison.")}
    assert keys(found) | open_keys == documented("choose")
    status = printed("status", finished)
    assert found["network"]["number"] == status["best"]["number"]
    assert found["front"][-1] == found["network"]
    most = found["front"][0]["multiply_accumulates"]
    assert printed("choose", finished, "--max-macs", most)["network"] == found["front"][0]


def test_explain(printed, finished):
    found = printed("explain", finished)
    open_keys = {name for name in documented("explain") if name.startswith("untried[]")}
    assert keys(found) | open_keys == documented("explain")


def test_status_watch(capsys, finished):
    assert main(["status", str(finished), "--watch", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert keys(found, unnamed=()) == documented("status --watch")
    assert (found["state"], found["evaluated"], found["trainings"]) == ("finished", 6, 12)
    assert (found["left_s"], len(found["last"])) == (None, 8)


def with_failures(finished, place):
    """A copy of a finished study in which a training failed and a run was lost."""
    study = shutil.copytree(finished, place)
    with Ledger.open(study / "ledger.sqlite") as ledger:
        record = ledger.trainings(with_epochs=False)[0]
        key = record.key
        ledger.record_lost_run(
            LostRunRecord(
                key=key,
                kind="worker died",
                reason="It was killed.",
                wall_s=3.0,
                worker="host:1 cpu",
                started_at=record.started_at,
            )
        )
        ledger.record_training(
            replace(
                record,
                key=replace(key, initialisation=1000),
                score=None,
                error="No [memory].",
            )
        )
    return study


def test_trainings(printed, finished, tmp_path):
    study = with_failures(finished, tmp_path / "study")
    found = printed("trainings", study)
    assert keys(found) == documented("trainings")
    (failed,), (run,) = found["trainings"], found["runs"]
    assert (failed["error"], failed["initialisation"]) == ("No [memory].", 1000)
    assert (run["evaluation"], run["sequel"]) == (1, "scored")
    every = printed("trainings", study, "--all")
    assert (len(every["trainings"]), every["runs"]) == (13, found["runs"])
    assert printed("trainings", finished)["trainings"] == []


def test_search(printed, confirmed, dataset):
    found = printed("search", dataset, confirmed)
    assert keys(found) == documented("search")
    assert found == printed("status", confirmed)


def test_compare(printed, finished, tmp_path):
    study = shutil.copytree(finished, tmp_path / "study")
    networks = ["best", "unet-genotype", "0vgg3-0vgg5"]
    named = [part for name in networks for part in ("--network", name)]
    found = printed("compare", study, "--initialisations", "1", *named)
    assert keys(found) == documented("compare")
    assert found["classes"] == ["peripheral zone", "central zone"]
    assert json.loads((study / "comparison/statistics.json").read_text()) == found


def test_settings(printed):
    found = printed("settings", "training")
    assert keys(found) == documented("settings")
    epochs = found[0]
    assert (epochs["key"], epochs["default"], epochs["quick"]) == ("training.epochs", "100", "24")


def test_space(printed):
    found = printed("space", "--sample", "2")
    assert keys(found) == documented("space")
    assert (found["genotypes"], len(found["sample"])) == (1176841051554447360, 2)
    assert found["space"] == "mixed"


def test_space_by_name(printed):
    found = printed("space", "--space", "macro", "--nodes", "5")
    assert keys(found) == documented("space")
    macro = {key: found[key] for key in ("topologies", "fillings", "genotypes")}
    assert {"name": found["space"], **macro} == found["spaces"][1]
    assert [each["name"] for each in found["spaces"]] == [
        "mixed",
        "macro",
        "micro",
        "bilevel",
        "modern",
    ]
    assert found["spaces"][2]["genotypes"] is None  # five nodes cannot be a U-Net


def test_cost(printed):
    found = printed("cost", "unet-genotype", "--size", "16", "--base-channels", "2")
    assert keys(found) == documented("cost")


@pytest.mark.parametrize(
    ("command", "rows", "column"),
    [
        (["status", "{study}"], 6, "genotype"),
        (["trainings", "{study}", "--all"], 12, "score"),
        (["trainings", "{study}"], 0, "score"),
        (["space"], 5, "topologies"),
        (["check", "{dataset}"], 0, "message"),
    ],
)
def test_lists_as_csv(command, rows, column, finished, dataset, capsys):
    arguments = [part.format(study=finished, dataset=dataset) for part in command]
    capsys.readouterr()
    assert main([*arguments, "--csv"]) == 0
    head, *lines = csv.reader(io.StringIO(capsys.readouterr().out))
    assert len(lines) == rows
    assert column in head
    assert all(len(line) == len(head) for line in lines)
    assert main([*arguments, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    key = {"status": "evaluations", "trainings": "trainings", "space": "spaces"}.get(command[0])
    listed = values[key or "findings"]
    texts = ["" if each[column] is None else str(each[column]) for each in listed]
    assert [line[head.index(column)] for line in lines] == texts
