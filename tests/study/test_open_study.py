"""A study begun, searched and resumed, with very short trainings."""

import json
from collections import deque
from concurrent.futures import Executor, Future
from contextlib import suppress

import nibabel as nib
import numpy as np
import pytest

from mbnas.data.phantom import write_phantom
from mbnas.errors import ConfigurationError, DatasetError, StudyError
from mbnas.network.architecture import LibraryNetwork
from mbnas.space.genotype import unet_genotype
from mbnas.study import begin_or_resume
from mbnas.study import dataset_source as source
from mbnas.study.cost.network_costs import NetworkCosts
from mbnas.study.directory import Study
from mbnas.study.drive.run_search import run_search
from mbnas.study.ledger.facts import WAY_TO_TRAIN
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.mode.training_mode import ModeChoice, TrainingMode
from mbnas.study.pool.worker_pool import WorkerPool
from mbnas.study.progress.contenders import read_contenders
from mbnas.study.progress.search_status import read_status
from mbnas.study.resolve_study import resolve
from mbnas.study.retraining.found_networks import retrain
from mbnas.training.device.processor import num_cores
from mbnas.training.loading import half_precision

from .tiny_study import TINY

SETTINGS = TINY | {"run": {"executor": "inline"}}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_phantom("spleen", tmp_path_factory.mktemp("data") / "spleen", num_patients=3)


@pytest.fixture(autouse=True)
def _prepare_here(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 1)


@pytest.fixture
def study(dataset, tmp_path):
    return resolved(tmp_path / "study", dataset)


def resolved(path, dataset, **options):
    return resolve(
        path, dataset, protocol="quick", default_protocol="quick", options=SETTINGS | options
    )


def opened(study, warn=pytest.fail):
    return begin_or_resume.opened(study, command="mbnas search", warn=warn)


def test_a_new_study_is_stopped_and_records_what_scores_depend_on(study):
    with opened(study) as open_study:
        facts = open_study.ledger.facts()
        assert open_study.study.configuration.run.device in ("cpu", "cuda")
        assert open_study.study.configuration.training.precision == "float32"
    assert (facts["state"], facts["budget"]) == ("stopped", "2")
    assert facts["protocol"] == open_study.protocol.digest
    assert facts["data"] == open_study.prepared.digest
    assert facts["classes"] == '["spleen"]'
    assert {"version of torch", "version of mbnas", "version of python"} <= facts.keys()


def test_a_study_keeps_its_training_mode(dataset, tmp_path, monkeypatch):
    mode = TrainingMode(precision="float32", step="eager", fused="folds", workers=3)
    choice = ModeChoice(mode=mode, seconds={"this": 1.0}, device="cpu", cores=num_cores())
    monkeypatch.setattr(begin_or_resume, "choose_mode", lambda question, tell: choice)
    training = SETTINGS["training"] | {"precision": "auto"}
    options = {"training": training, "run": {"device": "cpu"}}
    path = tmp_path / "study"
    with opened(resolved(path, dataset, **options)) as open_study:
        assert open_study.study.configuration.run.workers == 3
        assert open_study.protocol.training.fused == "folds"
        assert json.loads(open_study.ledger.facts()[WAY_TO_TRAIN]) == choice.to_json()
    monkeypatch.setattr(
        begin_or_resume, "choose_mode", lambda question, tell: pytest.fail("it was chosen before")
    )
    with opened(Study.open(path)) as open_study:
        assert open_study.study.configuration.run.workers == 3
        assert open_study.protocol.training.fused == "folds"
    assert Study.open(path).configuration.run.workers is None


def test_images_that_lose_precision_are_refused_before_a_study_begins(
    dataset, tmp_path, monkeypatch
):
    training = SETTINGS["training"] | {"slice_precision": "float16"}
    study = resolved(tmp_path / "study", dataset, training=training)
    with monkeypatch.context() as patched:
        patched.setattr(half_precision, "WORST_ERROR", 0.0)
        with (
            pytest.raises(ConfigurationError, match=r"slice_precision .* Set it to float32"),
            opened(study),
        ):
            pass
    assert not study.is_begun
    with opened(study) as open_study:
        assert open_study.protocol.training.slice_precision == "float16"


def test_a_warmup_longer_than_a_training_is_refused_before_a_study_begins(dataset, tmp_path):
    whole_pass = {key: each for key, each in TINY["training"].items() if key != "steps_per_epoch"}
    training = {**whole_pass, "warmup_steps": 10**6, "batch_size": 10**4}
    study = resolve(
        tmp_path / "study",
        dataset,
        protocol="paper",
        default_protocol="paper",
        options=SETTINGS | {"training": training},
    )
    with (
        pytest.raises(ConfigurationError, match=r"\(=1000000\) .* are 1 in 1 epochs"),
        opened(study),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_finished_search_has_all_costs(study):
    with opened(study) as open_study:
        run_search(open_study)
        status = read_status(open_study.ledger, open_study.study.configuration)
    assert status.state == "finished"
    assert len(status.complete) == 2
    assert all(each.parameters and each.macs for each in status.evaluations)


def test_the_split_of_a_bilevel_search_is_written_when_its_study_begins(dataset, tmp_path):
    settings = {"space": {"num_nodes": 2, "num_levels": 2, "name": "bilevel"}}
    path, asked = tmp_path / "study", []
    for evaluations in (2, 4):
        study = resolved(path, dataset, **settings, search={"evaluations": evaluations})
        with opened(study) as open_study:
            run_search(open_study)
            asked.append([each.genotype for each in open_study.ledger.evaluations()])
        assert Study.open(path).configuration.search.topology_evaluations == 1
    few, many = asked
    assert (len(few), many[:2]) == (2, few)
    assert len({genotype.topology for genotype in many}) == 1


def test_a_search_starts_at_the_configured_network(dataset, tmp_path):
    space = {"num_nodes": 4, "num_levels": 2}
    search = {"evaluations": 1, "start": "unet"}
    with opened(resolved(tmp_path / "study", dataset, space=space, search=search)) as open_study:
        run_search(open_study)
        (record,) = open_study.ledger.evaluations()
    assert record.genotype == unet_genotype(2)


def test_an_interrupted_search_is_stopped(study):
    def interrupt(progress):
        if progress.trainings.finished:
            raise KeyboardInterrupt

    with opened(study) as open_study:
        with pytest.raises(KeyboardInterrupt):
            run_search(open_study, watch=interrupt)
        assert open_study.ledger.facts()["state"] == "stopped"
        assert len(open_study.ledger.trainings()) == 1


def test_a_killed_search_becomes_stopped_when_opened(study):
    with opened(study) as open_study:
        open_study.ledger.set_fact("state", "running")
    with opened(study) as open_study:
        assert open_study.ledger.facts()["state"] == "stopped"


def test_costs_missing_after_a_kill_are_recorded_later(study, monkeypatch):
    with opened(study) as open_study:
        with monkeypatch.context() as patch:
            patch.setattr(NetworkCosts, "record", lambda costs, genotype: None)
            run_search(open_study)
        run_search(open_study)
        assert all(each.parameters and each.macs for each in open_study.ledger.networks().values())


class LazyExecutor(Executor):
    """Runs the call submitted last whenever one is waited for, so work ahead comes first."""

    def __init__(self):
        self._calls, self._done = [], deque()

    def submit(self, fn, /, *args):
        future = Future()
        self._calls.append((future, fn, args))
        return future

    def put(self, future):
        self._done.append(future)

    def get(self):
        while not self._done:
            future, function, given = self._calls.pop()
            if future.set_running_or_notify_cancel():
                future.set_result(function(*given))
        return self._done.popleft()


def test_networks_trained_ahead_have_costs_too(study):
    executor = LazyExecutor()
    worker_pool = WorkerPool(executor=executor, slots=4, completions=executor)
    with opened(study) as open_study:
        run_search(open_study, worker_pool=worker_pool)
        assert all(each.parameters and each.macs for each in open_study.ledger.networks().values())
        assert len(open_study.ledger.evaluations()) == 2


def test_an_error_before_the_study_begins_leaves_nothing(dataset, tmp_path):
    study = resolved(tmp_path / "study", dataset, protocol={"folds": 9})
    with pytest.raises(DatasetError, match="3 patients cannot fill 9 folds"), opened(study):
        pass
    assert not list(tmp_path.iterdir())


def test_a_ledger_that_cannot_be_created_leaves_nothing(study, monkeypatch):
    def full(path):
        raise StudyError("The disk is full.")

    monkeypatch.setattr(Ledger, "create", full)
    with pytest.raises(StudyError, match="disk is full"), opened(study):
        pass
    assert not study.path.exists()


# A ledger with trainings is never removed


@pytest.fixture
def searched(study):
    """A study of two networks, whose study.toml is then deleted; and what it held."""
    with opened(study) as open_study:
        run_search(open_study)
        records = open_study.ledger.trainings()
    file = study.path / "study.toml"
    text = file.read_text()
    file.unlink()
    return study, text, records


def recorded(study):
    with Ledger.open(study.ledger, read_only=True) as ledger:
        return ledger.trainings()


def test_a_study_without_its_file_is_read_and_resumed_from_its_ledger(searched, dataset):
    study, text, records = searched
    assert Study.open(study.path).is_begun
    assert Study.open(study.path).configuration.to_toml() == text
    assert not (study.path / "study.toml").exists()
    warnings = []
    again = resolved(study.path, dataset, search={"evaluations": 3})
    with opened(again, warnings.append) as open_study:
        run_search(open_study)
        assert open_study.ledger.trainings()[: len(records)] == records
        assert len(open_study.ledger.evaluations()) == 3
    assert (study.path / "study.toml").read_text() == text
    (warning,) = warnings
    assert warning.endswith("study.toml was missing: it was restored from the ledger.")


def test_a_study_without_its_file_keeps_its_configuration(searched, dataset):
    study, _, records = searched
    with pytest.raises(StudyError, match=r"seed: 0 in the study, 7 asked for"):
        resolved(study.path, dataset, seed=7)
    assert recorded(study) == records


@pytest.mark.parametrize("at", ["find_source", "check_precision", "_check_unchanged"])
def test_a_search_that_fails_at_once_keeps_the_ledger(searched, dataset, at, monkeypatch):
    study, _, records = searched

    def fails(*arguments):
        raise DatasetError("It cannot be used.")

    with monkeypatch.context() as patched:
        patched.setattr(begin_or_resume, at, fails)
        with pytest.raises(DatasetError), opened(resolved(study.path, dataset), lambda text: None):
            pass
    assert recorded(study) == records
    with opened(resolved(study.path, dataset), lambda text: None) as open_study:
        assert open_study.ledger.trainings() == records


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, DatasetError])
def test_a_configuration_deleted_during_a_search_is_restored(study, dataset, error):
    with suppress(KeyboardInterrupt, DatasetError), opened(study, lambda text: None) as open_study:
        run_search(open_study)
        records = open_study.ledger.trainings()
        text = (study.path / "study.toml").read_text()
        (study.path / "study.toml").unlink()
        if error is not None:
            raise error
    assert recorded(study) == records
    assert (study.path / "study.toml").read_text() == text


def test_a_damaged_ledger_without_a_configuration_is_refused_and_kept(searched, dataset):
    study, _, _ = searched
    damaged = b"x" * 8192
    study.ledger.write_bytes(damaged)
    with pytest.raises(StudyError, match="is not a ledger of mbnas"):
        resolved(study.path, dataset)
    with pytest.raises(StudyError, match="is not a ledger of mbnas"), opened(study):
        pass
    assert study.ledger.read_bytes() == damaged


def test_a_study_that_was_killed_before_it_recorded_anything_begins_again(study, dataset):
    with opened(study):
        pass
    (study.path / "study.toml").unlink()
    again = resolved(study.path, dataset, seed=7)
    assert not again.is_begun
    with opened(again) as open_study:
        assert open_study.protocol.seed == 7


def test_some_patients_are_drawn_by_the_seed(dataset, tmp_path):
    def drawn(seed):
        study = resolved(tmp_path / f"{seed}", dataset, seed=seed, data={"max_patients": 2})
        with opened(study) as open_study:
            return {volume.patient for volume in open_study.prepared.volumes}

    found = [drawn(seed) for seed in (0, 1, 2)]
    assert all(len(patients) == 2 for patients in found)
    assert len(set(map(frozenset, found))) > 1


def test_more_patients_than_the_dataset_has_are_refused(dataset, tmp_path):
    study = resolved(tmp_path / "study", dataset, data={"max_patients": 9})
    with pytest.raises(DatasetError, match=r"data\.max_patients \(=9\) .* the dataset's 3"):
        opened(study).__enter__()


def test_patients_are_held_out_by_the_seed_for_the_whole_study(dataset, tmp_path):
    def drawn(seed):
        study = resolved(
            tmp_path / f"{seed}", dataset, seed=seed, protocol={"folds": 2, "test_fraction": 0.3}
        )
        with opened(study) as open_study:
            assert len(open_study.prepared.patients) == 2
            assert open_study.protocol.evaluation.test_fraction == 0.3
            first = open_study.prepared.held_out_patients
        with opened(study) as open_study:
            assert open_study.prepared.held_out_patients == first
        return first

    found = [drawn(seed) for seed in range(4)]
    assert all(len(patients) == 1 for patients in found)
    assert len(set(found)) > 1


def test_held_out_patients_are_not_drawn_again_on_resuming(dataset, tmp_path, monkeypatch):
    protocol = {"folds": 2, "test_fraction": 0.3}
    study = resolved(tmp_path / "study", dataset, protocol=protocol)
    with opened(study) as open_study:
        first = open_study.prepared.held_out_patients
        assert json.loads(open_study.ledger.facts()["held out"]) == list(first)
    monkeypatch.setattr(source, "classes_by_patient", lambda *_, **__: pytest.fail("read again"))
    with opened(study) as open_study:
        assert open_study.prepared.held_out_patients == first


def test_a_class_of_fewer_patients_than_folds_gives_a_warning(tmp_path):
    root = write_phantom("prostate", tmp_path / "prostate", num_patients=3)
    for name in ("prostate_000", "prostate_001"):
        path = root / f"labelsTr/{name}.nii.gz"
        image = nib.load(path)
        labels = np.asarray(image.dataobj).copy()
        labels[labels == 1] = 2
        nib.save(nib.Nifti1Image(labels, image.affine), path)
    warnings = []
    with opened(resolved(tmp_path / "study", root), warn=warnings.append):
        pass
    assert len(warnings) == 2
    assert all(text.startswith("Only 1 patient of the folds has label 1 (") for text in warnings)


def test_warnings_about_the_data_are_repeated_on_resuming(tmp_path):
    root = write_phantom("prostate", tmp_path / "prostate", num_patients=3)
    path = root / "imagesTr/prostate_001.nii.gz"
    image = nib.load(path)
    voxels = np.asarray(image.dataobj).copy()
    voxels[..., 1] = 0
    nib.save(nib.Nifti1Image(voxels, image.affine), path)
    facts = json.loads((root / "dataset.json").read_text())
    (root / "dataset.json").write_text(json.dumps(facts | {"numTraining": 4}))
    study, first, again = resolved(tmp_path / "study", root), [], []
    with opened(study, warn=first.append):
        pass
    with opened(study, warn=again.append):
        pass
    assert first == again
    assert [text for text in first if "is 4, and there are 3 cases" in text]
    assert [
        text for text in first if "Channel 1 (ADC) has one value everywhere in prostate_001" in text
    ]


def test_holding_out_too_many_patients_is_refused_and_leaves_nothing(dataset, tmp_path):
    protocol = {"folds": 2, "test_fraction": 0.6}
    study = resolved(tmp_path / "study", dataset, protocol=protocol)
    with pytest.raises(DatasetError, match="holds out 2 of 3 patients"), opened(study):
        pass
    assert not study.path.exists()


def test_fresh_trainings_are_separate_from_the_search_and_accumulate(study):
    unet = unet_genotype(2)
    with opened(study) as open_study:
        run_search(open_study)
        status = read_status(open_study.ledger, open_study.study.configuration)
        for initialisations in (1, 2):
            retrain(open_study, [status.best.genotype, unet], initialisations=initialisations)
            best, other = read_contenders(open_study.ledger, status.best.genotype)
            assert [each.key.initialisation for each in best.trainings] == [
                1000 + index for index in range(initialisations) for _ in range(2)
            ]
            assert other.architecture == unet
            assert all(each.volumes for each in best.trainings)
        assert read_status(open_study.ledger, open_study.study.configuration) == status
        trained_at = [each.started_at for each in open_study.ledger.trainings()]
        retrain(open_study, [status.best.genotype, unet], initialisations=2)
        assert [each.started_at for each in open_study.ledger.trainings()] == trained_at
        retrain(open_study, [unet], initialisations=1)
        (last,) = read_contenders(open_study.ledger, status.best.genotype)
        assert (last.name, len(last.trainings)) == ("U-Net genotype", 2)


def test_networks_that_cannot_be_built_are_refused_before_any_training(study):
    with opened(study) as open_study:
        run_search(open_study)
        before = len(open_study.ledger.trainings())
        nothing = LibraryNetwork(design="Unet", encoder="resnet3")
        with pytest.raises(ConfigurationError, match="no encoder 'resnet3'"):
            retrain(open_study, [unet_genotype(2), nothing], initialisations=1)
        assert len(open_study.ledger.trainings()) == before
        status = read_status(open_study.ledger, open_study.study.configuration)
        assert read_contenders(open_study.ledger, status.best.genotype) == ()
