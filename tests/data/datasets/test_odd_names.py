"""Files may have any name: cases are found, and their names can be stored in UTF-8."""

import json
import os

from mbnas.data.datasets.dataset import read_dataset

NAMES = (b"a\xff", b"b[red]", b"c\nd", b"=e|$x$")
FACTS = {
    "channel_names": {"0": "CT"},
    "labels": {"background": 0, "[left]": 1},
    "numTraining": len(NAMES),
    "file_ending": ".nii.gz",
}


def test_every_file_is_found_and_every_name_can_be_stored(tmp_path):
    for folder, end in (("imagesTr", b"_0000"), ("labelsTr", b"")):
        (tmp_path / folder).mkdir()
        for name in NAMES:
            path = os.path.join(os.fsencode(tmp_path / folder), name + end + b".nii.gz")  # noqa: PTH118
            with open(path, "wb"):  # noqa: PTH123
                pass
    (tmp_path / "dataset.json").write_text(json.dumps(FACTS))
    dataset = read_dataset(tmp_path)
    assert {case.name for case in dataset.cases} == {r"a\xff", "b[red]", "c\nd", "=e|$x$"}
    for case in dataset.cases:
        case.name.encode()
        assert all(path.exists() for path in case.files)
