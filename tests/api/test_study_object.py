"""A study from Python: searched, read, compared, trained and used."""

import json
from dataclasses import asdict

import pytest

import mbnas
from mbnas.cli.main import main
from mbnas.study.lock import study_lock

INLINE = {"executor": "inline", "watch": mbnas.silent}


def status_as_json(study, capsys):
    assert main(["status", str(study.path), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_it_says_what_the_command_line_says(study, capsys):
    told, status = status_as_json(study, capsys), study.status()
    assert (status.state, status.evaluated, status.trainings) == ("finished", 6, 12)
    assert str(status).startswith(f"{study.path}: finished, 6 of 6 networks evaluated. ")
    assert status.chosen == study.chosen
    assert str(study.chosen.network) == told["chosen"]["genotype"]
    assert study.chosen.sentence == told["chosen"]["sentence"]
    assert study.best.number == told["best"]["number"]
    rows = [asdict(each) | {"trainings": []} for each in study.evaluations()]
    assert rows == [each | {"trainings": []} for each in told["evaluations"]]
    assert main(["trainings", str(study.path), "--all", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["trainings"]
    assert json.loads(json.dumps([asdict(each) for each in study.trainings()])) == listed


def test_records_become_a_data_frame(study):
    pytest.importorskip("pandas")
    frame = study.evaluations().to_frame()
    assert list(frame["number"]) == [1, 2, 3, 4, 5, 6]
    assert frame["score"].max() == study.best.score
    assert len(study.trainings().to_frame()) == 12


def test_without_pandas_a_data_frame_says_how_to_get_it(study, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(mbnas.MbnasError, match="a data frame needs it: pip install pandas"):
        study.trainings().to_frame()


def test_the_front_is_by_rising_cost(study):
    front = study.front
    costs = [each.multiply_accumulates for each in front]
    assert front
    assert costs == sorted(costs)
    assert {each.number for each in study.front_by("parameters")} <= set(range(1, 7))


def test_opening_is_reading(study, tmp_path):
    with study_lock(study.path, "someone else"):
        assert mbnas.open(str(study.path)).status().evaluated == 6
        with pytest.raises(mbnas.MbnasError, match=r"is in use by process .* \(`someone else`"):
            study.compare("best", initialisations=1, **INLINE)
    assert study.settings["training"]["epochs"] == 4
    with pytest.raises(mbnas.MbnasError, match=r"is not a study: it has no study\.toml"):
        mbnas.open(tmp_path)


def test_the_same_call_resumes_a_search(dataset, options, tmp_path):
    events = []
    again = options | {"evaluations": 2}
    mbnas.search(dataset, tmp_path / "study", **again, watch=mbnas.silent)
    study = mbnas.search(dataset, tmp_path / "study", **again, watch=events.append)
    assert study.status().evaluated == 2
    assert not any(isinstance(each, mbnas.StageProgress) and each.scored for each in events)
    with pytest.raises(mbnas.MbnasError, match=r"training\.epochs: 4 in the study, 9 asked for"):
        mbnas.search(dataset, study.path, **again | {"settings": {"training.epochs": 9}})


def test_a_search_tells_what_happens(searched):
    study, events = searched
    stages = [each for each in events if isinstance(each, mbnas.StageProgress)]
    assert {each.stage for each in stages} == {"preparing", "searching"}
    assert max(each.done for each in stages if each.stage == "searching") == 12
    scored = [each for stage in stages for each in stage.scored]
    found = {each.number: (each.genotype, each.score) for each in study.evaluations()}
    assert {each.number: (str(each.genotype), each.score) for each in scored} == found
    assert stages[-1].best.score == study.best.score
    said = [each.text for each in events if isinstance(each, mbnas.Message)]
    assert "Protocol quick: 2 folds × 1 initialisations per network." in said


def test_a_watch_that_fails_stops_the_search_which_can_be_resumed(dataset, options, tmp_path):
    def stop(event):
        if isinstance(event, mbnas.StageProgress) and event.scored:
            raise LookupError

    with pytest.raises(LookupError):
        mbnas.search(dataset, tmp_path / "study", **options, watch=stop)
    assert mbnas.open(tmp_path / "study").status().state == "stopped"
    study = mbnas.search(dataset, tmp_path / "study", **options, watch=mbnas.silent)
    assert study.status().state == "finished"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"settings": {"training.epoch": 3}}, "the nearest is training.epochs"),
        ({"settings": {"training": 3}}, "training"),
        ({"objective": "speed"}, "must be dice"),
        ({"address": "auto", "executor": None}, "needs --executor ray"),
        ({"preset": "liver"}, "must be prostate or spleen"),
        ({"start": "0vgg"}, "must be random, unet or a genotype"),
        ({"hours": -1}, "must be above 0"),
        ({"max_volume_gib": -1}, "--max-volume-gib"),
    ],
)
def test_what_is_wrong_is_a_sentence_and_leaves_nothing(wrong, told, dataset, options, tmp_path):
    with pytest.raises(mbnas.MbnasError, match=told):
        mbnas.search(dataset, tmp_path / "study", **options | wrong, watch=mbnas.silent)
    assert not (tmp_path / "study").exists()


@pytest.fixture(scope="module")
def used(dataset, options, tmp_path_factory):
    """A study with a comparison and a model."""
    path = tmp_path_factory.mktemp("studies") / "used"
    few = options | {"evaluations": 2}
    study = mbnas.search(dataset, path, **few, watch=mbnas.silent)
    comparison = study.compare("best", "0vgg7-0vgg7-0vgg7-0vgg7", initialisations=1, **INLINE)
    return study, comparison, study.train(epochs=2, **INLINE)


def test_networks_are_compared(used):
    study, comparison, _ = used
    assert len(comparison.details.networks) == 2
    assert (study.path / "comparison" / "table.csv").exists()
    assert str(comparison).startswith("# Comparison\n")
    assert comparison.sentences[0] in comparison._repr_html_()
    pytest.importorskip("pandas")
    assert comparison.to_frame()["network"].nunique() == 2


def test_a_model_is_trained_and_predicts(used, dataset, tmp_path):
    study, _, model = used
    assert model == study.model() == mbnas.Model.open(model.folder)
    images = sorted((dataset / "imagesTr").iterdir())
    made = study.predict(dataset / "imagesTr", tmp_path / "labels", watch=mbnas.silent)
    assert len(made.predicted) == len(images)
    again = model.predict(dataset / "imagesTr", tmp_path / "labels", watch=mbnas.silent)
    assert (again.predicted, len(again.skipped)) == ((), len(images))
    assert model.predictor(fold=0).card.members[0].fold == 0


def test_a_folder_of_which_nothing_can_be_predicted_is_an_error(used, tmp_path):
    _, _, model = used
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.nii.gz").write_bytes(b"no image")
    with pytest.raises(mbnas.MbnasError, match="No case could be predicted, a for this reason"):
        model.predict(tmp_path / "images", tmp_path / "labels", watch=mbnas.silent)


def test_the_page_is_written(used):
    study, *_ = used
    page = study.report()
    assert page == study.path / "report.html"
    assert "Trained again on new initialisations" in page.read_text("utf-8")


def test_what_mattered_is_explained(study):
    explanation = study.explain()
    assert str(explanation) == " ".join(explanation.sentences)
    assert explanation.sentences[0][:20] in explanation._repr_html_()
