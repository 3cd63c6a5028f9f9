"""Both networks on all folds: the order of the work, and that nothing is done twice."""

import json
import shutil
from dataclasses import replace

import pytest

from mbnas.data.datasets.folds import make_folds
from mbnas.data.images.read import read_label
from mbnas.data.images.write import write_label
from mbnas.errors import NNUNetError
from mbnas.nnunet import head_to_head
from mbnas.nnunet.commands import Place
from mbnas.nnunet.head_to_head import HeadToHead
from mbnas.nnunet.nnunet_contenders import contenders, cost_size
from mbnas.nnunet.schedule import Schedule
from mbnas.space.genotype import Genotype

OURS = "nnUNetPlans_mbnas_"


class FakeNNUNet:
    """Leaves the files that nnU-Net's commands leave; predictions are the references."""

    def __init__(self, own_plans):
        self.own_plans, self.ran, self.fails_at = own_plans, [], None

    def __call__(self, place, command, *arguments, log):
        if len(self.ran) == self.fails_at:
            raise NNUNetError("It failed.")
        self.ran.append((command.removeprefix("nnUNetv2_"), *arguments))
        getattr(self, command)(place, arguments)

    def nnUNetv2_plan_and_preprocess(self, place, _):  # noqa: N802
        folder = place.preprocessed / "nnUNetPlans_2d"
        folder.mkdir(parents=True, exist_ok=True)
        (place.preprocessed / "nnUNetPlans.json").write_text(json.dumps(self.own_plans))
        shutil.copy(place.raw / "dataset.json", place.preprocessed)
        for label in (place.raw / "labelsTr").iterdir():
            (folder / label.name.replace(".nii.gz", ".pkl")).touch()

    def nnUNetv2_train(self, place, arguments):  # noqa: N802
        _, configuration, fold, *options = arguments
        trainer, plans = (options[options.index(each) + 1] for each in ("-tr", "-p"))
        folder = place.results / f"{trainer}__{plans}__{configuration}" / f"fold_{fold}"
        (folder / "validation").mkdir(parents=True)
        cases = json.loads((place.preprocessed / "splits_final.json").read_text())
        for case in cases[int(fold)]["val"]:
            self.predict(place, "Tr", case, folder / "validation")
        (folder / "training_log_2026_1_1.txt").write_text("a: Epoch time: 1.5 s\nEpoch time: 2 s\n")
        (folder / "validation/summary.json").write_text("{}")

    def nnUNetv2_predict(self, place, arguments):  # noqa: N802
        folder = place.root / arguments[arguments.index("-o") + 1]
        folder.mkdir()
        self.predict(place, "Ts", "case_d", folder)

    def predict(self, place, part, case, folder):
        labels, geometry = read_label(place.raw / f"labels{part}" / f"{case}.nii.gz")
        write_label(folder / f"{case}.nii.gz", labels, geometry)


@pytest.fixture
def fake(monkeypatch, own_plans):
    made = FakeNNUNet(own_plans)
    monkeypatch.setattr(head_to_head, "run_command", made)
    return made


@pytest.fixture
def run(small, tmp_path):
    dataset, prepared = small
    root = tmp_path / "nnunet"
    root.mkdir()
    return HeadToHead(
        place=Place(root=root, dataset="Dataset001_Small", device="cpu", processes=1),
        dataset=dataset,
        prepared=prepared,
        folds=make_folds(prepared.patient_classes, 3, seed=0),
        chosen=(0, 2),
        genotype=Genotype.parse("0vgg3-1dense5-0vgg3"),
        base_channels=4,
        schedule=Schedule(epochs=3, iterations=2),
    )


def test_both_networks_train_alike_on_the_chosen_folds(fake, run):
    run.run(lambda text: None)
    trainings = [each for each in fake.ran if each[0] == "train"]
    assert [(each[3], each[each.index("-p") + 1][: len(OURS)]) for each in trainings] == [
        ("0", "nnUNetPlans"),
        ("0", OURS),
        ("2", "nnUNetPlans"),
        ("2", OURS),
    ]
    assert {each[each.index("-tr") + 1] for each in trainings} == {
        "nnUNetTrainer_3epochs_2iterations"
    }
    assert fake.ran[0][:3] == ("plan_and_preprocess", "-d", "001")
    assert sum(each[0] == "predict" for each in fake.ran) == 4  # the held-out patient


def test_what_is_done_is_not_done_again(fake, run):
    run.run(lambda text: None)
    done = list(fake.ran)
    run.run(lambda text: None)
    assert fake.ran == done


@pytest.mark.parametrize("number", range(9))
def test_a_run_that_failed_goes_on_where_it_stood(fake, run, number):
    fake.fails_at = number
    with pytest.raises(NNUNetError):
        run.run(lambda text: None)
    fake.fails_at = None
    run.run(lambda text: None)
    assert len(fake.ran) == len(set(fake.ran)) == 9


def test_a_training_with_a_checkpoint_is_continued(fake, run):
    run.run(lambda text: None)
    folder = run.trained("nnUNetPlans", 0).folder
    for path in (folder / "validation").iterdir():
        path.unlink()
    (folder / "validation").rmdir()
    (folder / "checkpoint_latest.pth").touch()
    run.run(lambda text: None)
    assert fake.ran[-1][-1] == "--c"


def test_a_training_that_cannot_be_continued_is_told_with_its_folder(fake, run):
    folder = run.trained("nnUNetPlans", 0).folder
    folder.mkdir(parents=True)
    (folder / "checkpoint_best.pth").write_bytes(b"cut off")
    fake.fails_at = 1
    with pytest.raises(NNUNetError, match=f"if that is damaged, remove {folder}"):
        run.run(lambda text: None)


def test_another_schedule_trains_anew_beside_the_old(fake, run):
    run.run(lambda text: None)
    replace(run, schedule=Schedule(epochs=4, iterations=2)).run(lambda text: None)
    assert [each[0] for each in fake.ran].count("train") == 8
    assert [each[0] for each in fake.ran].count("plan_and_preprocess") == 1


def test_a_folder_of_another_study_is_refused(fake, run):
    run.run(lambda text: None)
    other = replace(run, folds=make_folds(run.prepared.patient_classes, 3, seed=1))
    assert other.folds != run.folds
    with pytest.raises(NNUNetError, match="another study"):
        other.run(lambda text: None)


def test_predictions_are_measured_as_a_studys_own(fake, run):
    run.run(lambda text: None)
    found, own = contenders(run, found_name="Best found", slice_size=cost_size(run, 10))
    assert (found.name, own.name) == ("Best found", "nnU-Net 2D")
    assert own.parameters > 100_000 > found.parameters
    assert str(own.architecture).startswith("module:dynamic_network_architectures.")
    for contender in (found, own):
        assert [each.key.fold for each in contender.trainings] == [0, 2]
        for training in contender.trainings:
            assert training.score == 1.0
            assert training.wall_s == 3.5
            unseen = [each.patient for each in training.volumes if not each.held_out]
            assert unseen == list(run.folds[training.key.fold].validation)
            assert [each.patient for each in training.volumes if each.held_out] == ["case_d"]


def test_a_prediction_on_another_grid_is_refused(fake, run):
    run.run(lambda text: None)
    case = run.folds[0].validation[0]
    other = next(each for each in run.prepared.volumes if each.case not in (case, "case_d"))
    place = run.trained("nnUNetPlans", 0).validation / f"{case}.nii.gz"
    labels, _ = read_label(run.place.raw / f"labelsTr/{other.case}.nii.gz")
    write_label(place, labels, other.geometry)
    with pytest.raises(NNUNetError, match="another grid"):
        contenders(run, found_name="Best found", slice_size=cost_size(run, 10))


def test_costs_are_told_for_a_size_that_both_networks_take(fake, run):
    run.run(lambda text: None)
    assert [cost_size(run, size) for size in (10, 16, 17, 128)] == [16, 16, 24, 128]
