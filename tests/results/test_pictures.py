"""Scores of pictures are in pixels, in every table."""

import numpy as np
import pytest
from PIL import Image

from mbnas.data.images.geometry import Geometry
from mbnas.data.images.write import write_label
from mbnas.errors import DatasetError
from mbnas.report.tables.prediction_scores_table import scores_notes, scores_table, scores_values
from mbnas.results.label_pairs import evaluate_pairs, find_pairs


def folders(tmp_path, suffix=".png"):
    for folder in ("found", "truth"):
        (tmp_path / folder).mkdir()
        for name in ("a", "b"):
            mask = np.zeros((20, 30), np.uint8)
            mask[5:15, 5 : 20 + 3 * (folder == "found")] = 1
            Image.fromarray(mask).save(tmp_path / folder / f"{name}{suffix}")
    return tmp_path / "found", tmp_path / "truth"


def test_lengths_are_in_pixels_and_tables_say_so(tmp_path):
    pairs = find_pairs(*folders(tmp_path))
    scores = evaluate_pairs(pairs)
    assert [each[0].hd95_mm for each in scores.metrics] == [3.0, 3.0]
    assert scores_table(scores).heads[2:4] == ("HD95 (pixels)", "Surface Dice (2 pixels)")
    assert "lengths are in pixels" in " ".join(scores_notes(scores))
    assert " mm" not in " ".join(scores_notes(scores))
    assert scores_values(scores)["length_unit"] == "pixels"


def test_overlays_beside_predictions_are_not_missed_references(tmp_path):
    found, truth = folders(tmp_path)
    Image.new("RGB", (9, 9)).save(found / "a_overlay.png")
    pairs = find_pairs(found, truth)
    assert [each.case for each in pairs.both] == ["a", "b"]
    assert pairs.without_reference == ()


def test_a_dataset_in_place_of_its_labels_gets_the_right_folder(tmp_path):
    found, truth = folders(tmp_path)
    root = tmp_path / "dataset"
    root.mkdir()
    truth.rename(root / "labelsTr")
    with pytest.raises(DatasetError, match=r"are in .*dataset/labelsTr: give that folder"):
        find_pairs(found, root)


def test_volumes_and_pictures_have_no_common_mean(tmp_path):
    found, truth = folders(tmp_path)
    labels = np.ones((30, 20, 4), np.uint8)
    for folder in (found, truth):
        (folder / "b.png").unlink()
        write_label(folder / "b.nii.gz", labels, Geometry.canonical(labels.shape, (1.0, 1.0, 1.0)))
        Image.new("L", (4, 4), 1).save(folder / "a.png")
    pairs = find_pairs(found, truth)
    assert [each.case for each in pairs.both] == ["b"]  # pictures beside volumes are previews
    assert len(pairs.passed_over) == 2
    from dataclasses import replace

    both = find_pairs(found / "a.png", truth / "a.png").both + pairs.both
    with pytest.raises(DatasetError, match="of which there is no mean"):
        evaluate_pairs(replace(pairs, both=both))


def test_a_tiff_with_spacing_beside_it_is_a_volume(tmp_path):
    pairs = find_pairs(*folders(tmp_path, ".tif"))
    assert evaluate_pairs(pairs).unit == "pixels"
    for path in tmp_path.glob("*/*.tif"):
        path.with_suffix(".json").write_text('{"spacing": [3.0, 0.5, 0.5]}')
    scores = evaluate_pairs(pairs)
    assert scores.unit == "mm"
    assert [each[0].hd95_mm for each in scores.metrics] == [1.5, 1.5]
