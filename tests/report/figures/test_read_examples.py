from dataclasses import replace

import numpy as np
import pytest

from mbnas.data.datasets.dataset import LabelClass
from mbnas.data.datasets.normalisation import ChannelNormalisation
from mbnas.data.images.geometry import Geometry
from mbnas.data.slices.plane_transform import PlaneTransform
from mbnas.data.slices.prepared_slices import (
    Index,
    PreparationSettings,
    PreparedSlices,
    PreparedVolume,
)
from mbnas.errors import FigureError
from mbnas.report.figures.read_examples import read_examples
from mbnas.results.comparison import compare_contenders
from mbnas.results.segmentations.kept_predictions import read_predictions
from mbnas.scoring.class_metrics import ClassMetrics
from mbnas.space.genotype import Genotype
from mbnas.study.ledger.ledger import Ledger
from mbnas.study.progress.contenders import Contender
from mbnas.training.packed_predictions import pack_prediction
from mbnas.training.training_record import FIRST_FRESH, TrainingKey, TrainingRecord, VolumeRecord

DICE = {"a": 0.9, "b": 0.5, "c": 0.7, "d": 0.8}
SIZE = 12
GENOTYPE = Genotype.parse("0vgg3-1vgg3")


@pytest.fixture
def prepared(tmp_path):
    """Volumes of 6 by 4 voxels of 1 by 2 mm and 5 slices; the fourth has the most foreground."""
    geometry = Geometry(
        shape_xyz=(6, 4, 5),
        affine=((1.0, 0, 0, 0), (0, 2.0, 0, 0), (0, 0, 3.0, 0), (0, 0, 0, 1.0)),
        orientation=((0, 1), (1, 1), (2, 1)),
    )
    plane = PlaneTransform.fit(geometry, 2, SIZE)
    labels_XYZ = np.zeros((6, 4, 5), np.uint8)
    labels_XYZ[5, 3, :] = 1  # the patient's right, anterior
    labels_XYZ[3:, 2:, 3] = 1
    labels_XYZ[0, 0, 3] = 2  # left, posterior
    volumes = [
        PreparedVolume(
            case=f"case_{patient}",
            patient=patient,
            held_out=False,
            first_slice=5 * number,
            plane=plane,
            geometry=geometry,
        )
        for number, patient in enumerate(DICE)
    ]
    labels = np.concatenate([plane.labels(labels_XYZ) for _ in volumes])
    index = Index(
        digest="0",
        settings=PreparationSettings(slice_size=SIZE),
        slice_axis=2,
        channels=("MRI",),
        normalisation=(ChannelNormalisation(scheme="zscore"),),
        classes=(LabelClass(value=1, name="one"), LabelClass(value=2, name="two")),
        volumes=tuple(volumes),
    )
    images = labels[:, None].astype(np.float32)
    return PreparedSlices(directory=tmp_path, images=images, labels=labels, index=index)


def record_of(prepared, *, keep=True):
    """One training that predicted every volume with background and class two swapped."""
    volumes = []
    for volume in prepared.volumes:
        measures = ClassMetrics(
            dice=DICE[volume.patient],
            hd95_mm=1.0,
            surface_dice=0.5,
            predicted_voxels=1,
            reference_voxels=1,
        )
        predicted = np.uint8(2) - np.asarray(prepared.labels[volume.slices])
        volumes.append(
            VolumeRecord(
                case=volume.case,
                patient=volume.patient,
                measures=(measures, replace(measures, dice=None)),
                prediction=pack_prediction(predicted) if keep else None,
            )
        )
    return TrainingRecord(
        key=TrainingKey(network=GENOTYPE.digest, protocol="p", fold=0, initialisation=FIRST_FRESH),
        score=0.7,
        wall_s=1.0,
        worker="here",
        started_at="2026-01-01T00:00:00+00:00",
        volumes=tuple(volumes),
    )


def examples_of(prepared, tmp_path, record):
    contender = Contender(
        name="one", architecture=GENOTYPE, trainings=(record,), parameters=1, macs=1
    )
    comparison = compare_contenders(
        (contender,),
        class_names=("one", "two"),
        num_folds=1,
        slice_size=SIZE,
        seed=0,
    )
    with Ledger.create(tmp_path / "ledger.sqlite") as ledger:
        ledger.record_network(GENOTYPE)
        ledger.record_training(record)
        return read_examples(prepared, comparison, read_predictions(ledger, [record]))


def test_examples_show_the_fullest_slice_in_radiological_orientation(prepared, tmp_path):
    best, median, worst = examples_of(prepared, tmp_path, record_of(prepared))
    assert [each.patient for each in (best, median, worst)] == ["a", "d", "b"]
    assert [each.title for each in (best, median, worst)] == ["best", "median", "worst"]
    assert best.place == "slice 4 of 5"
    assert best.dice == (0.9,)
    height, width = best.reference_HW.shape
    assert (height, width) == (12, 9)
    down, across = best.spacing_mm
    assert (height * down, width * across) == pytest.approx((8.0, 6.0))
    assert best.reference_HW[0, 0] == 1  # anterior up, the patient's right to the left
    assert best.reference_HW[-1, -1] == 2
    assert np.array_equal(best.image, best.reference_HW)
    assert np.array_equal(best.predicted_HW[0], 2 - best.reference_HW)


def test_a_figure_needs_kept_predictions(prepared, tmp_path):
    with pytest.raises(FigureError, match="holds no segmentations of a"):
        examples_of(prepared, tmp_path, record_of(prepared, keep=False))


def test_a_picture_is_named_and_not_called_a_slice(prepared, tmp_path):
    volumes = tuple(
        replace(each, geometry=replace(each.geometry, unit="pixels"))
        for each in prepared.index.volumes
    )
    pictures = replace(prepared, index=replace(prepared.index, volumes=volumes))
    best, *_ = examples_of(pictures, tmp_path, record_of(prepared))
    assert (best.patient, best.place) == ("a", "case_a")
