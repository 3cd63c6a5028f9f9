"""DICOM series with a patient's name, for tests that read or write them."""

import io

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")

from PIL import Image  # noqa: E402
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.encaps import encapsulate  # noqa: E402
from pydicom.uid import (  # noqa: E402
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    generate_uid,
)

PATIENT = ("DOE^JANE", "PID-4711", "19560229", "Saint Elsewhere", "ACC-0815", "HOUSE^GREGORY")
"""What no output may repeat: name, number, date of birth, hospital, accession and physician."""

LPS = np.array([[0.7, 0, 0, -80], [0, 0.8, 0, -60.5], [0, 0, 2.5, 12], [0, 0, 0, 1]])
"""Indices of columns, rows and slices to millimetres in LPS."""


def slice_dataset(pixels_JI, lps, place, *, series, study, frame_of_reference):
    """Return one CT slice: its pixels [row, column], and its place in the grid ``lps``."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = CTImageStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid(
        entropy_srcs=[series, str(place)]
    )
    data.StudyInstanceUID, data.SeriesInstanceUID = study, series
    data.FrameOfReferenceUID = frame_of_reference
    name, number, birth, hospital, accession, physician = PATIENT
    data.PatientName, data.PatientID, data.PatientBirthDate = name, number, birth
    data.InstitutionName, data.AccessionNumber = hospital, accession
    data.ReferringPhysicianName, data.PatientSex = physician, "F"
    data.StudyDate, data.StudyTime, data.StudyID = "20260101", "101010", "1"
    data.ContentDate, data.ContentTime = "20260101", "101010"
    data.Modality, data.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.Manufacturer, data.SeriesNumber, data.InstanceNumber = "Maker", 3, place + 1
    data.PositionReferenceIndicator = ""
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    turned = (lps[:3, :2] / spacing[:2]).T.ravel()
    data.ImageOrientationPatient = [f"{value:.12f}" for value in turned]
    position = lps @ [0, 0, place, 1]
    data.ImagePositionPatient = [f"{value:.9f}" for value in position[:3]]
    data.PixelSpacing = [f"{value:.12g}" for value in (spacing[1], spacing[0])]
    data.SliceThickness = f"{spacing[2]:.12g}"
    data.Rows, data.Columns = pixels_JI.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8 * pixels_JI.dtype.itemsize
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels_JI.dtype.kind == "i")
    data.PixelData = np.ascontiguousarray(pixels_JI).tobytes()
    data.RescaleSlope, data.RescaleIntercept = "1", "0"
    return data


def series_datasets(voxels_IJK, lps=LPS, *, seed="one"):
    """Return the slices of a series, in order."""
    uids = {
        name: generate_uid(entropy_srcs=[seed, name])
        for name in ("series", "study", "frame_of_reference")
    }
    return [
        slice_dataset(voxels_IJK[:, :, place].T, lps, place, **uids)
        for place in range(voxels_IJK.shape[2])
    ]


def save(folder, datasets, *, suffix=".dcm"):
    """Write slices under names that are not in their order, and return the paths in order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"IM{(place * 7919) % 9973:04d}{suffix}" for place, _ in enumerate(datasets)]
    for path, data in zip(paths, datasets, strict=True):
        data.save_as(path, enforce_file_format=True)
    return paths


def write_series(folder, voxels_IJK, lps=LPS, *, seed="one"):
    """Write a series of CT slices, and return its datasets."""
    datasets = series_datasets(voxels_IJK, lps, seed=seed)
    save(folder, datasets)
    return datasets


def compressed(data, syntax):
    """Return a slice compressed by a transfer syntax."""
    if syntax != JPEG2000Lossless:
        data.compress(syntax, generate_instance_uid=False)
        return data
    content = io.BytesIO()
    Image.fromarray(data.pixel_array).save(content, "JPEG2000", no_jp2=True)
    data.PixelData = encapsulate([content.getvalue()])
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = syntax
    return data
