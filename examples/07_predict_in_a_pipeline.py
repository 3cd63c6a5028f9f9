"""Train the network of a study and use it in a pipeline: files to files, and arrays to arrays.

    python examples/07_predict_in_a_pipeline.py

It needs the study of `02_search.py`. What is trained is kept: a second run only predicts.
"""

from pathlib import Path

import nibabel

import mbnas

images = Path("data/discs/imagesTr")

model = mbnas.open("studies/discs").train(epochs=4, executor="inline")

# A folder: run it again to resume. A file that fails is reported, and the others go on.
predictions = model.predict(images, "predictions", tta=True)
print(f"{len(predictions.predicted)} new label maps in {predictions.to}")
for case, reason in predictions.failed.items():
    print(f"{case}: {reason}")

# Arrays: the weights are loaded once. Axes run left to right, back to front, feet to head.
predictor = model.predictor()
image = nibabel.as_closest_canonical(nibabel.load(images / "disc_000_0000.nii.gz"))
spacing_mm = tuple(float(each) for each in image.header.get_zooms()[:3])
labels = predictor.predict(image.get_fdata(), spacing_mm=spacing_mm)
print(f"{(labels == 1).sum()} of {labels.size} voxels are disc.")
