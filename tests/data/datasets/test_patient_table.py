"""A table of cases and patients, written by hand or by a spreadsheet."""

import pytest

from mbnas.data.datasets.patient_table import read_patient_table
from mbnas.errors import DatasetError


@pytest.fixture
def write(tmp_path):
    """A function that writes a table and returns its path."""

    def written(text, encoding="utf-8"):
        path = tmp_path / "patients.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return written


@pytest.mark.parametrize(
    "text",
    [
        "case,patient\na,1\nb,1\nc,2\n",
        "patient,case\n1,a\n1,b\n2,c\n",
        "case,age,patient\na,7,1\nb,8,1\nc,9,2",
        "case,patient\r\na,1\r\n\r\nb,1\r\nc,2\r\n",
        '"case","patient"\n"a","1"\n"b","1"\n"c","2"\n',
        "case, patient\na, 1\nb ,1 \nc,2\n",
    ],
    ids=["plain", "swapped", "further column", "windows", "quoted", "spaces"],
)
def test_a_table_names_the_patient_of_every_case(write, text):
    assert read_patient_table(write(text)) == {"a": "1", "b": "1", "c": "2"}


def test_a_byte_order_mark_is_not_part_of_a_column(write):
    assert read_patient_table(write("case,patient\nÄ,ß\n", "utf-8-sig")) == {"Ä": "ß"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "needs the columns case and patient"),
        ("case,name\n", "needs the columns case and patient"),
        ("case,name\na,1\n", "needs the columns case and patient"),
        ("case;patient\na;1\n", "needs the columns case and patient"),
        ("case,patient\na,\n", "both filled in every row"),
        ("case,patient\na,  \n", "both filled in every row"),
        ("case,patient\n,1\n", "both filled in every row"),
        ("case,patient\na\n", "both filled in every row"),
        ("case,patient\na,1\na,2\n", "names case a twice: remove one row"),
        ("case,patient\na,1\na ,2\n", "names case a twice: remove one row"),
        ("case,patient\na,1,2\n", "more fields than columns"),
    ],
)
def test_an_invalid_table_is_refused(write, text, sentence):
    with pytest.raises(DatasetError, match=sentence) as refused:
        read_patient_table(write(text))
    assert "patients.csv" in str(refused.value)


def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"table of patients .* cannot be read: .*No such file"):
        read_patient_table(tmp_path / "absent.csv")


def test_a_binary_file_is_refused(write):
    with pytest.raises(DatasetError, match="cannot be read"):
        read_patient_table(write("case,patient\nÄ,1\n", "latin-1"))
