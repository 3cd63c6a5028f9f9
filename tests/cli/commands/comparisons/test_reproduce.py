"""A small experiment: complete studies, resumed at any stage, nothing trained twice."""

import re
import shutil
from contextlib import suppress

import pytest

from mbnas.cli.main import main
from mbnas.space.four_spaces import SPACE_NAMES
from mbnas.study import dataset_source
from mbnas.study.ledger.ledger import Ledger

STUDIES = (*SPACE_NAMES, "comparison")
SPACE = ("--set", "space.num_nodes=6", "--set", "space.num_levels=3")  # the U-Net's, for micro
SMALL = ("--evaluations", "3", "--initialisations", "1", "--network", "unet-genotype")


@pytest.fixture(scope="session")
def reproduce(dataset, options):
    """Run the experiment in a directory in this process; return the exit status."""

    def run(directory, *more):
        inline = ("--set", "run.executor=inline")
        return main(
            ["reproduce", str(dataset), str(directory), *options, *SPACE, *inline, *SMALL, *more]
        )

    return run


@pytest.fixture(scope="session")
def reproduced(reproduce, tmp_path_factory):
    """An experiment run to its end without interruption."""
    directory = tmp_path_factory.mktemp("experiments") / "whole"
    assert reproduce(directory) == 0
    return directory


def trainings(study):
    """Return all trainings of a study by key."""
    if not (study / "study.toml").exists():
        return {}
    with Ledger.open(study / "ledger.sqlite", read_only=True) as ledger:
        return {each.key: each for each in ledger.trainings()}


def ran(record):
    """Return the part of a record that differs between two runs of a training."""
    return record.started_at, record.worker, record.wall_s


def outcomes(directory):
    """Return the parts that must be equal, wherever an experiment was interrupted."""
    return {
        study: {key: each.score for key, each in trainings(directory / study).items()}
        for study in STUDIES
    }


@pytest.mark.parametrize(
    ("spaces", "setting", "told"),
    [
        ("micro,bilevel", 'search.objective=["dice", "macs"]', "cannot be searched in the bilevel"),
        ("micro,bilevel", "search.hours=1", "set search.topology_evaluations as well"),
        ("macro,mixed", "training.base_channels=6", "must be divisible by 4"),
        ("macro,micro", "search.max_macs=1", "No network of the space was found within"),
    ],
)
def test_what_a_later_space_cannot_have_is_refused_before_the_first_search(
    spaces, setting, told, reproduce, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(dataset_source, "prepare_slices", lambda *_, **__: pytest.fail("prepared"))
    assert reproduce(tmp_path / "new", "--spaces", spaces, "--set", setting) == 2
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("figures", "figures cannot be written: there is a file in place of a folder"),
        ("published.csv/a", "published.csv cannot be written: it is a folder"),
    ],
)
def test_files_that_cannot_be_written_are_refused_before_the_first_search(
    name, told, reproduce, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(dataset_source, "prepare_slices", lambda *_, **__: pytest.fail("prepared"))
    place = tmp_path / name
    (tmp_path / "slices").mkdir()
    place.parent.mkdir(exist_ok=True)
    place.touch()
    assert reproduce(tmp_path, "--spaces", "macro") == 1
    assert told in capsys.readouterr().err


@pytest.mark.slow
def test_every_study_is_complete(reproduced, capsys):
    for study in SPACE_NAMES:
        assert main(["status", str(reproduced / study)]) == 0
        assert "3 of 3 networks evaluated" in capsys.readouterr().out
        assert len(trainings(reproduced / study)) == 6
        assert (reproduced / study / "report.html").exists()


@pytest.mark.slow
def test_trainings_that_studies_share_were_run_once(reproduced):
    seen, shared = {}, 0
    for study in STUDIES:
        for key, record in trainings(reproduced / study).items():
            shared += key in seen
            assert ran(seen.setdefault(key, record)) == ran(record)
    assert trainings(reproduced / "macro").keys() & trainings(reproduced / "bilevel").keys()
    assert shared >= 4


@pytest.mark.slow
def test_an_experiment_whose_dataset_and_directory_moved_resumes(
    reproduced, reproduce, dataset, options, tmp_path, capsys
):
    directory = shutil.copytree(reproduced, tmp_path / "elsewhere", symlinks=True)
    moved = shutil.copytree(dataset, tmp_path / "moved")
    again = ["reproduce", str(moved), str(directory), *options, *SPACE, *SMALL]
    assert main([*again, "--set", "run.executor=inline"]) == 0
    assert outcomes(directory) == outcomes(reproduced)
    for study in STUDIES:
        assert f'dataset = "{moved}"' in (directory / study / "study.toml").read_text()
        assert (directory / study / "slices").resolve() == directory / "slices"
    shutil.rmtree(moved)
    network = ("--network", "unet-genotype", "--executor", "inline")
    assert main(["train", str(directory / "mixed"), *network, "--epochs", "1"]) == 0
    assert f"is not at {moved}: its prepared slices are used" in capsys.readouterr().err


@pytest.mark.slow
def test_slices_are_prepared_once(reproduced):
    assert all((reproduced / study / "slices").is_symlink() for study in STUDIES)
    assert len(list((reproduced / "slices").iterdir())) == 1
    assert (reproduced / "mixed/slices").readlink().as_posix() == "../slices"


@pytest.mark.slow
def test_the_comparison_has_the_networks_found_and_the_baselines(reproduced, capsys):
    assert main(["status", str(reproduced / "comparison")]) == 0
    assert "finished" in capsys.readouterr().out
    with Ledger.open(reproduced / "comparison/ledger.sqlite", read_only=True) as ledger:
        found = {each.network for each in ledger.evaluations()}
        fresh = {
            each.key.network
            for each in ledger.trainings()
            if each.key.initialisation == 1000 and each.volumes
        }
    assert len(fresh - found) <= 1
    assert found <= fresh


@pytest.mark.slow
def test_one_page_shows_everything(reproduced):
    page = (reproduced / "report.html").read_text(encoding="utf-8")
    for study in STUDIES:
        assert f'href="{study}/report.html"' in page
    for part in ("The searches", "The best networks", "Trained again", "Micro", "U-Net genotype"):
        assert part in page
    assert not re.search(r'(src|href)="https?:', page)


@pytest.mark.slow
def test_the_same_command_trains_nothing_again(reproduce, reproduced, monkeypatch):
    before = {study: trainings(reproduced / study) for study in STUDIES}
    monkeypatch.setattr(Ledger, "record_training", lambda *_: pytest.fail("trained again"))
    assert reproduce(reproduced) == 0
    assert {study: trainings(reproduced / study) for study in STUDIES} == before


@pytest.mark.slow
def test_interrupted_in_every_stage_the_result_is_the_same(
    reproduce, reproduced, tmp_path, monkeypatch, capsys
):
    directory = tmp_path / "cut"
    record = Ledger.record_training
    for study in STUDIES:

        def cut(ledger, training, study=study):
            record(ledger, training)
            if ledger.path.parent.name == study and len(trainings(directory / study)) == 3:
                raise KeyboardInterrupt

        before = {each: trainings(directory / each) for each in STUDIES}
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "record_training", cut)
            assert reproduce(directory) == 130
        assert capsys.readouterr().err == "mbnas: Stopped. Run the same command again to resume.\n"
        assert len(trainings(directory / study)) == 3
        page = (directory / "report.html").read_text(encoding="utf-8")
        assert "Running" in page
        for each in STUDIES:
            after = trainings(directory / each)
            assert {key: after[key] for key in before[each]} == before[each]
    assert reproduce(directory) == 0
    assert outcomes(directory) == outcomes(reproduced)


def test_an_interrupted_preparation_leaves_nothing(reproduce, tmp_path, monkeypatch):
    def interrupt(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("mbnas.study.dataset_source.prepare_slices", interrupt)
    assert reproduce(tmp_path / "new/experiment") == 130
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_only_some_of_the_spaces(reproduce, tmp_path, capsys):
    assert reproduce(tmp_path / "two", "--spaces", "bilevel,macro", "--evaluations", "1") == 0
    assert not (tmp_path / "two/mixed").exists()
    assert "Macro and Bilevel" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "status", "told"),
    [
        (("--spaces", "mixed,macros"), 2, "'macros', which is not a space: use mixed, macro"),
        (("--initialisations", "0"), 2, "--initialisations (=0) must be 1 or more"),
        (("--set", "space.name=micro"), 2, "choose them with --spaces"),
        (("--set", "space.num_nodes=5"), 2, "Set space.num_nodes to 6"),
        (("--network", "smp:Unet:resnet999"), 2, "resnet999"),
        (("--preset", "spleen"), 2, "leave one of them out"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_mistakes_are_one_sentence_before_anything_is_written(
    more, status, told, reproduce, tmp_path, capsys
):
    with suppress(SystemExit):
        assert reproduce(tmp_path / "experiment", *more) == status
    said = capsys.readouterr()
    assert (said.out, "Traceback" in said.err) == ("", False)
    assert told in said.err
    assert not list(tmp_path.iterdir())


def test_a_study_is_not_an_experiment(reproduce, finished, capsys):
    assert reproduce(finished) == 1
    assert "is a study, and" in capsys.readouterr().err


@pytest.mark.slow
def test_an_experiment_refuses_other_settings(reproduce, reproduced, capsys):
    assert reproduce(reproduced, "--set", "training.epochs=9") == 1
    assert "training.epochs: 4 in the study, 9 asked for" in capsys.readouterr().err
