"""Study directories: new, resumed, refused; nothing left of one that never began."""

import os
import tomllib

import pytest

from mbnas.errors import ConfigurationError, StudyError, WriteError
from mbnas.machine.files import temporary_name
from mbnas.study.claim_directory import claimed_directory
from mbnas.study.directory import Study
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.resolve_study import resolve


def resolved(path, *, protocol=None, dataset="/data", **options):
    """Resolve with options; the section ``protocol`` is ``protocol_`` here."""
    return resolve(
        path,
        dataset=path.parent / dataset,
        protocol=protocol,
        default_protocol="quick",
        options={key.rstrip("_"): value for key, value in options.items()},
    )


def begun(path, **options):
    """A study whose configuration is written."""
    study = resolved(path, **options)
    path.mkdir()
    study.write_configuration()
    return study


def test_a_new_study_starts_from_the_default_preset(tmp_path):
    study = resolved(tmp_path / "study", seed=4)
    assert study.configuration.protocol.name == "quick"
    assert study.configuration.seed == 4
    assert not study.is_begun
    assert not (tmp_path / "study").exists()


def test_a_new_study_starts_from_the_preset_asked_for(tmp_path):
    study = resolved(tmp_path / "study", protocol="paper", training={"epochs": 3})
    training = study.configuration.training
    assert (training.epochs, training.base_channels) == (3, 32)


def test_a_new_study_starts_from_the_preset_that_its_configuration_names(tmp_path):
    """Or a study.toml would not make its study again: it leaves out what has no value."""
    first = resolved(tmp_path / "first", protocol="paper")
    layer = tomllib.loads(first.configuration.to_toml())
    del layer["dataset"]
    again = resolved(tmp_path / "again", protocol_=layer.pop("protocol"), **layer)
    assert again.configuration == first.configuration


def test_the_protocol_asked_for_is_the_one_that_is_named(tmp_path):
    study = resolved(tmp_path / "study", protocol="quick", protocol_={"name": "paper"})
    assert study.configuration.protocol.name == "quick"
    assert study.configuration.training.epochs == 24


@pytest.mark.parametrize("name", ["fast", 5, ["quick"]])
def test_a_configuration_that_names_no_protocol_is_refused(tmp_path, name):
    with pytest.raises(ConfigurationError, match=r"no protocol 'fast'|must be of type str"):
        resolved(tmp_path / "study", protocol_={"name": name})


def test_the_dataset_is_kept_as_an_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = resolve(
        tmp_path / "study",
        tmp_path.relative_to(tmp_path) / "data",
        protocol=None,
        default_protocol="quick",
        options={},
    )
    assert study.configuration.dataset == str(tmp_path / "data")


def test_a_study_can_be_opened_once_begun(tmp_path):
    study = begun(tmp_path / "study")
    assert study.is_begun
    assert Study.open(tmp_path / "study") == study


def test_a_study_resumes_without_repeating_its_options(tmp_path):
    study = begun(tmp_path / "study", seed=4, training={"epochs": 3})
    assert resolved(tmp_path / "study") == study
    assert resolved(tmp_path / "study", training={"epochs": 3}) == study


def test_budget_run_settings_and_dataset_path_may_change(tmp_path):
    begun(tmp_path / "study")
    again = resolved(
        tmp_path / "study",
        dataset="/moved",
        search={"evaluations": 7},
        run={"workers": 3, "executor": "inline", "patience_s": 5.0},
    ).configuration
    assert (again.search.evaluations, again.run.workers, again.run.executor) == (7, 3, "inline")
    assert (again.dataset, again.run.patience_s) == ("/moved", 5.0)


def test_a_live_log_may_begin_on_resuming_and_is_not_a_foreign_folder(tmp_path):
    begun(tmp_path / "study")
    (tmp_path / "study/log").mkdir()
    again = resolved(tmp_path / "study", run={"log": "tensorboard"})
    assert again.configuration.run.log == "tensorboard"
    (tmp_path / "study/study.toml").unlink()
    assert not resolved(tmp_path / "study").is_begun


@pytest.mark.parametrize(
    ("name", "is_folder", "told"),
    [
        ("log", False, "has a file log, where a study has a folder"),
        ("report.html", True, "has a folder report.html, where a study has a file"),
    ],
)
@pytest.mark.parametrize("is_begun", [True, False])
def test_a_file_in_place_of_a_folder_is_refused(tmp_path, name, is_folder, told, is_begun):
    path = tmp_path / "study"
    if is_begun:
        begun(path)
    else:
        path.mkdir()
    (path / name).mkdir() if is_folder else (path / name).touch()
    with pytest.raises(StudyError, match=told):
        resolved(path)


def test_more_evaluations_do_not_change_the_split_of_a_bilevel_search(tmp_path):
    begun(
        tmp_path / "study",
        space={"name": "bilevel"},
        search={"evaluations": 10, "topology_evaluations": 5},
    )
    again = resolved(tmp_path / "study", space={"name": "bilevel"}, search={"evaluations": 40})
    assert again.configuration.search.num_topologies == 5
    with pytest.raises(StudyError, match=r"search\.topology_evaluations: 5 in the study, 9 asked"):
        resolved(tmp_path / "study", search={"topology_evaluations": 9})


@pytest.mark.parametrize("name", ["mixed", "macro", "micro", "bilevel"])
def test_evaluations_may_be_added_in_every_space(tmp_path, name):
    begun(tmp_path / "study", space={"name": name}, search={"start": "unet"})
    again = resolved(tmp_path / "study", search={"evaluations": 700}).configuration
    assert (again.space.name, again.search.start, again.search.evaluations) == (name, "unet", 700)


def test_another_space_or_start_is_refused(tmp_path):
    begun(tmp_path / "study")
    with pytest.raises(StudyError, match=r"space\.name: mixed in the study, macro asked for"):
        resolved(tmp_path / "study", space={"name": "macro"})
    with pytest.raises(StudyError, match=r"search\.start: unet in the study, random asked for"):
        resolved(tmp_path / "study", search={"start": "random"})


def test_the_last_budget_is_kept(tmp_path):
    path = tmp_path / "study"
    begun(path, search={"evaluations": 5})
    with Ledger.create(path / "ledger.sqlite") as ledger:
        ledger.set_fact("budget", "9")
    assert resolved(path).configuration.search.evaluations == 9
    again = resolved(path, search={"evaluations": 7})
    assert again.configuration.search.evaluations == 7


def test_another_device_of_the_same_kind_is_accepted(tmp_path):
    begun(tmp_path / "study", run={"device": "cuda:0"})
    for device, taken in (("auto", "cuda:0"), ("cuda", "cuda"), ("cuda:1", "cuda:1")):
        again = resolved(tmp_path / "study", run={"device": device})
        assert again.configuration.run.device == taken
    with pytest.raises(StudyError, match=r"run\.device: cuda:0 in the study, cpu asked for"):
        resolved(tmp_path / "study", run={"device": "cpu"})


def test_another_configuration_is_refused_with_every_difference(tmp_path):
    path = tmp_path / "study"
    begun(path)
    with pytest.raises(StudyError) as raised:
        resolved(path, seed=1, training={"epochs": 3}, data={"max_patients": 9})
    assert str(raised.value) == (
        f"{path} is a study of another configuration:\n"
        "  seed: 0 in the study, 1 asked for\n"
        "  data.max_patients: nothing in the study, 9 asked for\n"
        "  training.epochs: 24 in the study, 3 asked for\n"
        "Leave these options out to resume it, or search into a new directory."
    )


def test_another_protocol_is_refused(tmp_path):
    begun(tmp_path / "study")
    with pytest.raises(StudyError, match=r"protocol\.name: quick in the study, paper asked for"):
        resolved(tmp_path / "study", protocol="paper")


def test_a_wrong_option_is_refused_on_resuming_too(tmp_path):
    begun(tmp_path / "study")
    with pytest.raises(ConfigurationError, match="the nearest is seed"):
        resolved(tmp_path / "study", sed=1)


def test_a_directory_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(StudyError, match=r"is not a study and has other files \(such as thesis"):
        resolved(tmp_path)


def test_a_file_in_place_of_a_directory_is_refused(tmp_path):
    (tmp_path / "study").touch()
    with pytest.raises(StudyError, match="is a file: name a directory"):
        resolved(tmp_path / "study")


def test_remains_of_a_killed_beginning_do_not_block_a_study(tmp_path):
    (tmp_path / "slices").mkdir()
    (tmp_path / ".lock").touch()
    (tmp_path / "ledger.sqlite").touch()
    for name in ("ledger.sqlite-journal", "study.toml", "report.html"):
        (tmp_path / temporary_name(name)).touch()
    assert not resolved(tmp_path).is_begun
    with claimed_directory(tmp_path, "mbnas search"):
        left = {each.name for each in tmp_path.iterdir()}
    assert left == {".lock", "ledger.sqlite", "slices"}


def test_unfinished_files_of_killed_processes_are_removed(tmp_path):
    folders = [tmp_path / each for each in ("comparison", "figures", "weights/best", "weights/a")]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "kept.csv").touch()
        (folder / temporary_name("kept.csv")).touch()
    (tmp_path / "log/.writing").mkdir(parents=True)
    with claimed_directory(tmp_path, "mbnas train"):
        left = [each.name for folder in folders for each in folder.iterdir()]
    assert left == ["kept.csv"] * 4
    assert not list((tmp_path / "log").iterdir())


def test_a_directory_without_a_study_says_how_to_begin_one(tmp_path):
    with pytest.raises(StudyError, match=r"is not a study: .* Begin one with: mbnas search"):
        Study.open(tmp_path)


def test_a_damaged_configuration_is_named(tmp_path):
    (tmp_path / "study.toml").write_text("dataset = ")
    with pytest.raises(ConfigurationError, match=r"study\.toml is damaged: it is not valid TOML"):
        Study.open(tmp_path)


def test_a_configuration_that_was_edited_is_named(tmp_path):
    begun(tmp_path / "study")
    file = tmp_path / "study/study.toml"
    file.write_text(file.read_text().replace("epochs = 24", "epoch = 24"))
    with pytest.raises(ConfigurationError) as raised:
        Study.open(tmp_path / "study")
    assert str(raised.value) == (
        f"{file} is damaged: The configuration key training.epoch does not exist; the nearest is "
        "training.epochs. Commands change only the path of the dataset in this "
        "file. Restore it from a copy, or search into a new directory."
    )


def test_a_file_is_not_a_study(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StudyError, match="is not a study"):
        Study.open(tmp_path / "file")


def test_a_configuration_that_is_not_text_is_named(tmp_path):
    (tmp_path / "study.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match=r"study\.toml is damaged: it is not UTF-8 text"):
        Study.open(tmp_path)


def test_a_configuration_that_cannot_be_written_is_an_error(open_directory, unprivileged):
    study = resolved(open_directory)
    open_directory.chmod(0o555)
    with unprivileged(), pytest.raises(WriteError, match=r"study\.toml cannot be written"):
        study.write_configuration()
    assert os.listdir(open_directory) == []  # noqa: PTH208


# A directory is claimed, and removed unless it became a study


def test_nothing_is_left_of_a_study_that_never_began(tmp_path):
    path = tmp_path / "study"
    with claimed_directory(path, "mbnas search"):
        (path / "slices").mkdir()
        (path / ".lock").touch()
        (path / "ledger.sqlite").touch()
    assert not path.exists()


def test_parent_directories_that_were_made_are_removed(tmp_path):
    with pytest.raises(ZeroDivisionError), claimed_directory(tmp_path / "a/b", "mbnas search"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_second_process_does_not_touch_a_beginning_study(tmp_path):
    path = tmp_path / "study"
    with claimed_directory(path, "mbnas search first"):
        (path / "ledger.sqlite").touch()
        with (
            pytest.raises(StudyError, match=r"in use by process .*mbnas search first"),
            claimed_directory(path, "mbnas search second"),
        ):
            pytest.fail("two hold one study")
        assert {each.name for each in path.iterdir()} == {".lock", "ledger.sqlite"}
        resolved(path).write_configuration()
    assert (path / ".lock").exists()


def test_existing_slices_stay(tmp_path):
    (tmp_path / "slices/0123").mkdir(parents=True)
    with claimed_directory(tmp_path, "mbnas search"):
        pass
    assert (tmp_path / "slices/0123").is_dir()


def test_an_existing_directory_stays(tmp_path):
    with pytest.raises(ZeroDivisionError), claimed_directory(tmp_path, "mbnas search"):
        raise ZeroDivisionError
    assert tmp_path.is_dir()


def test_a_study_that_began_stays(tmp_path):
    path = tmp_path / "study"
    study = resolved(path)
    with claimed_directory(path, "mbnas search"):
        study.write_configuration()
    assert study.is_begun


def test_a_directory_that_cannot_be_made_is_an_error(open_directory, unprivileged):
    open_directory.chmod(0o555)
    with (
        unprivileged(),
        pytest.raises(WriteError, match="cannot be written: you have no permission"),
        claimed_directory(open_directory / "study", "mbnas search"),
    ):
        pass


# Slices that studies share


def test_shared_slices_are_a_relative_link(tmp_path):
    study = resolved(tmp_path / "study")
    with claimed_directory(study.path, "mbnas search", shared_slices=tmp_path / "slices"):
        (tmp_path / "slices/0123").mkdir(parents=True)
        assert (study.slices / "0123").is_dir()
        study.write_configuration()
    assert str(study.slices.readlink()) == "../slices"


def test_the_link_of_a_study_that_never_began_is_removed_and_its_target_stays(tmp_path):
    (tmp_path / "slices/0123").mkdir(parents=True)
    path = tmp_path / "study"
    with claimed_directory(path, "mbnas search", shared_slices=tmp_path / "slices"):
        pass
    assert not path.exists()
    assert (tmp_path / "slices/0123").is_dir()


def test_a_link_without_a_target_is_kept(tmp_path):
    path = tmp_path / "study"
    path.mkdir()
    (path / "slices").symlink_to("../slices")
    with claimed_directory(path, "mbnas search", shared_slices=tmp_path / "slices"):
        pass
    assert (path / "slices").is_symlink()


def test_a_study_with_slices_keeps_them(tmp_path):
    (tmp_path / "study/slices").mkdir(parents=True)
    with claimed_directory(tmp_path / "study", "mbnas", shared_slices=tmp_path / "slices"):
        pass
    assert not (tmp_path / "study/slices").is_symlink()
