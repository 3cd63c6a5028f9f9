"""A comparison in the terminal, in files and as markup."""

import csv
import io
import json
import re
import shutil
import subprocess

import pytest

from mbnas.cli.show.comparison_display import print_comparison
from mbnas.report.page.sections.statistics_section import statistics_section
from mbnas.report.tables.comparison_files import comparison_texts, write_comparison
from mbnas.report.tables.comparison_notes import failures, footnotes
from mbnas.report.tables.comparison_table import tables
from mbnas.report.tables.difference_tables import difference_tables

NAMED = {
    "heading": "Comparison: first_study",
    "study_name": "first_study",
    "dataset": "Left & right_50 %",
}
PAPER = r"""
\documentclass{article}
\usepackage{booktabs}
\setlength{\parindent}{0pt}
\begin{document}
\input{table}
\end{document}
"""


def has_latex():
    """Whether papers can be typeset here."""
    if shutil.which("pdflatex") is None or shutil.which("kpsewhich") is None:
        return False
    return subprocess.run(["kpsewhich", "booktabs.sty"], stdout=subprocess.DEVNULL).returncode == 0


@pytest.fixture
def comparison(compare, contender, drawn):
    """Three networks with held-out patients, of whom one lacks a class, and one that failed."""
    held_out = {place: [("h", (0.5, 0.6)), ("i", (0.7, None))] for place in drawn(1)}
    failed = frozenset({(1000, 1)})
    return compare(
        contender("Best found", drawn(1), held_out=held_out),
        contender("Small_{x} & Co", drawn(2, shift=-0.1), held_out=held_out, kernel=5),
        contender("U-Net", drawn(3, shift=-0.2), held_out=held_out, kernel=7),
        contender("ResU-Net", drawn(4), failed=failed, kernel=9),
    )


@pytest.fixture
def texts(comparison):
    return comparison_texts(comparison, **NAMED)


def test_the_main_table_has_metrics_and_costs_with_the_best_in_bold(comparison):
    main = tables(comparison)[0]
    assert main.heads == (
        "Network",
        "DSC",
        "HD95 (mm)",
        "Surface Dice (2 mm)",
        "Parameters",
        "MACs at 128×128",
        "MACs at 32×32",
        "Latency",
        "Training",
    )
    # Held-out patients decide and come first, with the costs: h has 0.5 and 0.6, i has 0.7.
    assert main.title == "Held-out patients"
    assert [cell.text for cell in main.rows[0]] == [
        "Best found",
        "0.600 ± 0.000",
        "4.00 ± 0.00",
        "0.300 ± 0.000",
        "7.76 M",
        "12.1 G",
        "300 M",
        "12.3 ms",
        "10 s",
    ]
    assert (main.rows[3][0].note, main.rows[3][1].text) == ("a training failed", "–")
    in_folds = tables(comparison)[2]
    assert in_folds.title == "Patients of the folds"
    assert [cell.text for cell in in_folds.rows[0]] == [
        "Best found",
        "0.758 ± 0.023",
        "4.00 ± 0.00",
        "0.379 ± 0.011",
    ]
    assert in_folds.rows[0][1].note == "[0.729, 0.798]"
    assert [row[1].bold for row in in_folds.rows] == [True, False, False, False]


@pytest.fixture
def differing(compare, contender):
    """Two networks of one initialisation whose Dice of 8 patients differ by 0.01 to 0.08."""

    def dice(sign):
        return {
            (1000, fold): [(f"p{n}", (0.7 + sign * n / 100,) * 2) for n in range(1 + fold, 9, 2)]
            for fold in range(2)
        }

    return compare(contender("U-Net", dice(0)), contender("Best found", dice(1), kernel=5))


def test_a_difference_is_concluded_once_with_its_numbers(differing):
    conclusions, paper_tests = difference_tables(differing)
    assert conclusions.title == "Differences in Dice, patients of the folds"
    (row,) = conclusions.rows
    # All signs to one side: p = 2 / 2^8. 6 of 256 subset means are cut at either end: 0.01, 0.015,
    # 0.02 three times ({2}, {1, 3}, {1, 2, 3}), and the sixth is 7/300 ({1, 2, 4}).
    assert [(cell.text, cell.note, cell.bold) for cell in row] == [
        ("Best found is better than U-Net", "", True),
        ("+0.0450", "+0.0233 to +0.0667", False),
        ("0.0078", "", False),
        ("8", "8 / 0 / 0", False),
    ]
    assert paper_tests.title == "The paper's tests, over 2 blocks"
    assert [cell.text for cell in paper_tests.rows[0]] == [
        "Wilcoxon, U-Net and Best found",
        "W = 0",
        "0.5",
        "0.5",
    ]


def test_every_output_states_the_patients_of_the_comparison(differing, comparison, screen):
    words = "Selected and compared on the same patients: all 8 are in the folds"
    told = "Compared on 2 held-out patients, who took no part"
    for each, expected in ((differing, words), (comparison, told)):
        out = screen(300)
        print_comparison(each, out)
        texts = comparison_texts(each, **NAMED)
        page = statistics_section(each)
        for text in (out.file.getvalue(), texts["table.md"], texts["table.tex"], page):
            assert expected in text
            assert "report" not in text
        assert expected in json.loads(texts["statistics.json"])["basis"]
    assert "selected and compared on the same patients" in tables(differing)[0].title


def test_costs_have_a_separate_table_unless_joined(comparison):
    joined, apart = tables(comparison), tables(comparison, joined=False)
    assert [len(each.heads) for each in apart[:2]] == [4, 6]
    assert [each.title for each in apart if each.title != "Costs"] == [
        each.title for each in joined
    ]


def test_a_single_class_has_no_table_by_class(compare, contender, drawn):
    dice = {
        place: [(patient, values[:1]) for patient, values in volumes]
        for place, volumes in drawn(1).items()
    }
    assert len(tables(compare(contender("A", dice), class_names=("spleen",)))) == 1


def test_notes_count_absent_classes_and_list_failures(comparison):
    notes = " ".join(footnotes(comparison))
    assert "(Best found 6, Small_{x} & Co 6, U-Net 6, of 60 each)" in notes
    assert failures(comparison) == ("ResU-Net failed: The loss was not finite.",)
    assert "A held-out patient's value is the mean over the networks of all folds" in notes
    assert "use_subvoxels" in notes


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_terminal_shows_every_number_in_full(comparison, screen, width):
    out = screen(width)
    print_comparison(comparison, out)
    printed = out.file.getvalue()
    _, in_tables = printed.split("\n\n", 1)  # the terminal wraps sentences by itself
    in_tables, _ = in_tables.split(comparison.basis)
    assert max(len(line) for line in in_tables.splitlines()) <= width
    assert "…" not in printed
    for text in ("0.758 ± 0.023", "[0.729, 0.798]", "0.379 ± 0.011", "12.3 ms", "Held-out"):
        assert text in printed
    assert ("Costs" in printed) == (width == 80)


def test_markdown_has_as_many_cells_in_every_row(texts):
    blocks = re.findall(r"(?:^\|.*\n)+", texts["table.md"], flags=re.MULTILINE)
    assert len(blocks) == 6
    for block in blocks:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1
    assert "**0.758 ± 0.023**" in texts["table.md"]
    assert r"# Comparison: first\_study" in texts["table.md"]
    assert (
        "Too few patients to show any difference between Best found and U-Net" in texts["table.md"]
    )


def test_latex_is_balanced_escaped_and_even(texts):
    latex = texts["table.tex"]
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 7
    bare = re.sub(r"\\[{}]", "", latex)
    assert bare.count("{") == bare.count("}")
    assert r"Small\_\{x\} \& Co" in latex
    assert r"\textbf{0.758 $\pm$ 0.023}" in latex
    assert latex.isascii()
    for tabular in re.findall(r"\\begin\{tabular\}(.*?)\\end", latex, flags=re.DOTALL):
        columns = re.match(r"\{@\{\}([lr]+)@\{\}\}", tabular).group(1)
        for line in re.findall(r"(.*) \\\\$", tabular, flags=re.MULTILINE):
            assert len(re.findall(r"(?<!\\)&", line)) == len(columns) - 1


def test_each_table_of_a_paper_says_what_it_shows_and_has_its_own_label(texts, comparison):
    latex = texts["table.tex"]
    tables_of_paper = re.findall(r"\\begin\{table\}.*?\\end\{table\}", latex, flags=re.DOTALL)
    captions = [re.search(r"\\caption\{(.*)\}\n", each).group(1) for each in tables_of_paper]
    labels = [re.search(r"\\label\{(.*)\}", each).group(1) for each in tables_of_paper]
    names = ("held-out", "costs", "held-out-classes", "folds", "folds-classes", "differences")
    assert labels == [f"tab:first-study-{name}" for name in (*names, "tests")]
    assert all(each.endswith(r" Dataset: Left \& right\_50 \%.") for each in captions)
    assert captions[0].startswith(
        "Dice (DSC), 95th percentile of the Hausdorff distance (HD95, in mm) and surface Dice "
        "(within 2 mm) of 4 networks on 2 held-out patients. Mean $\\pm$ standard deviation over 3 "
        "fresh initialisations of the mean over patients, then over classes;"
    )
    assert "Bold: the best of the column, the lowest for HD95." in captions[0]
    assert "Bold: the best of the class" in captions[2]
    assert f"the {comparison.num_patients} patients of {comparison.num_folds} folds" in captions[3]
    assert "adjusted for 3 comparisons (Bonferroni)" in captions[5]
    assert all(each.index(r"\caption") < each.index(r"\begin{tabular}") for each in tables_of_paper)


def test_one_initialisation_and_one_class_have_no_spread_and_no_mean_over_classes(
    compare, contender, drawn
):
    places = {place: dice for place, dice in drawn(1).items() if place[0] == 1000}
    caption = tables(compare(contender("Best found", places)), joined=False)[0].caption
    assert "Mean of 1 fresh initialisation of the mean over patients" in caption
    assert "±" not in caption


@pytest.mark.skipif(not has_latex(), reason="needs pdflatex and booktabs")
def test_latex_prints_tables_that_fit_a_page(texts, tmp_path):
    (tmp_path / "table.tex").write_text(texts["table.tex"], encoding="utf-8")
    (tmp_path / "paper.tex").write_text(PAPER, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "Overfull" not in done.stdout


def test_rows_for_programs(texts, comparison):
    table = list(csv.DictReader(io.StringIO(texts["table.csv"])))
    assert len(table) == 3 * 2 * 3 * 3  # sound networks × patients × metrics × classes and mean
    first = table[0]
    assert (first["network"], first["patients"], first["metric"]) == ("Best found", "folds", "dice")
    assert (first["class"], first["values"], first["undefined"]) == ("", "36", "0")
    assert float(first["mean"]) == pytest.approx(0.758, abs=5e-4)
    patients = list(csv.DictReader(io.StringIO(texts["patients.csv"])))
    assert len(patients) == 3 * (18 + 12) * 2 + 15 * 2  # volumes × classes; one training failed
    assert {each["dice"] for each in patients if each["patient"] == "i"} == {"0.7", ""}
    values = json.loads(texts["statistics.json"])
    assert [each["error"] is None for each in values["networks"]] == [True, True, True, False]
    assert values["paper_tests"]["networks"] == ["Best found", "Small_{x} & Co", "U-Net"]
    assert values["claims"] == list(comparison.claims)
    assert values["decided_on"] == "held out"
    rows = list(csv.DictReader(io.StringIO(texts["differences.csv"])))
    assert len(rows) == len(values["differences"]) == 3
    for row, value in zip(rows, values["differences"], strict=True):
        assert row == {key: "" if each is None else str(each) for key, each in value.items()}
    assert (rows[0]["unit"], rows[0]["patients"], rows[0]["low"]) == ("patient", "2", "")


def test_files_are_replaced_atomically(comparison, texts, tmp_path):
    for _ in range(2):
        write_comparison(comparison, tmp_path / "new", **NAMED)
    found = {each.name: each.read_text(encoding="utf-8") for each in (tmp_path / "new").iterdir()}
    assert found == texts
