"""``mbnas settings``: a list by section, one setting in full, an unknown one refused."""

import csv
import io

from mbnas.cli.main import main
from mbnas.study.settings_reference import all_settings


def test_all_settings_are_listed_by_section(capsys):
    assert main(["settings"]) == 0
    said = capsys.readouterr().out
    assert all(each.key in said for each in all_settings())
    assert said.index("[training]") < said.index("training.epochs") < said.index("[augmentation]")
    assert said.endswith("Set it with --set KEY=VALUE or in a --config file.\n")


def test_one_setting_is_explained(capsys):
    assert main(["settings", "loss"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("training.loss\nWhat a step minimises: ")
    assert "\ntype     dice or dice+cross-entropy\ndefault  " in said
    assert said.endswith("\nexample  --set 'training.loss=\"dice+cross-entropy\"'\n")


def test_settings_as_csv(capsys):
    assert main(["settings", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["key"] for row in rows] == [each.key for each in all_settings()]


def test_an_unknown_setting_is_refused(capsys):
    assert main(["settings", "training.epoch"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith("does not exist; the nearest is training.epochs.\n")
