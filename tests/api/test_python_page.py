"""The page on Python: all of its examples run, one after another, on a tiny dataset."""

import re
from pathlib import Path

import mbnas

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
ENOUGH = {"protocol": "quick", "executor": "inline", "evaluations": 3}


def test_the_examples_of_the_page_run(dataset, options, tmp_path, monkeypatch, capsys):
    (tmp_path / "Task04_Hippocampus").symlink_to(dataset)
    (tmp_path / "imagesTs").symlink_to(dataset / "imagesTr")
    monkeypatch.chdir(tmp_path)
    search, compare, train = mbnas.search, mbnas.Study.compare, mbnas.Study.train

    def in_seconds(place, study, *, hours=None, settings=None, **more):
        tiny = {**options["settings"], **(settings or {}), "training.epochs": 4}
        return search(place, study, **{**more, **ENOUGH}, settings=tiny)

    def inline(run, **less):
        return lambda study, *names, **more: run(study, *names, **more | less, executor="inline")

    monkeypatch.setattr(mbnas, "search", in_seconds)
    monkeypatch.setattr(mbnas.Study, "compare", inline(compare, initialisations=1))
    monkeypatch.setattr(mbnas.Study, "train", inline(train, epochs=2))
    names = {}
    for block in BLOCK.findall(PAGE.read_text("utf-8")):
        exec(block, names)
    assert names["small"].settings["protocol"]["test_fraction"] == 0.2
    assert names["model"].folder == Path("study/weights/best")
    assert len(list(Path("labels").glob("*.nii.gz"))) == 4
    assert names["search"].ask() == ()
    assert len(mbnas.Search.from_json(names["saved"]).scores) == 12
    assert str(names["search"].best) in capsys.readouterr().out
