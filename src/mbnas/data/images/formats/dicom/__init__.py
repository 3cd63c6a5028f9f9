"""DICOM: series of slices, segmentations and structure sets, by pydicom and highdicom."""
