"""What ``import mbnas`` gives: exactly these names, each documented with an example."""

import subprocess
import sys

import pytest

import mbnas
from mbnas import extending

PUBLIC = [
    "Ask",
    "Chosen",
    "Comparison",
    "EpochProgress",
    "Evaluation",
    "Explanation",
    "FrontNetwork",
    "MbnasError",
    "Message",
    "Model",
    "Network",
    "Predictions",
    "Predictor",
    "ProgressLines",
    "Records",
    "Search",
    "StageProgress",
    "Status",
    "Study",
    "Training",
    "__version__",
    "open",
    "search",
    "silent",
]


EXTENDING = [
    "Extent",
    "ExtentBlock",
    "Genotype",
    "Node",
    "Proposal",
    "Searcher",
    "Space",
    "Variable",
]


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_the_public_names_are_these():
    assert mbnas.__all__ == PUBLIC
    assert {each for each in dir(mbnas) if not each.startswith("_")} >= {
        each for each in PUBLIC if each != "__version__"
    }


def test_these_names_are_for_blocks_and_searchers_of_others():
    assert extending.__all__ == EXTENDING


@pytest.mark.parametrize("name", [each for each in PUBLIC if each != "__version__"])
def test_every_public_name_has_an_example(name):
    assert ">>> " in getattr(mbnas, name).__doc__


@pytest.mark.parametrize(
    "name", [name for name in PUBLIC if isinstance(getattr(mbnas, name), type)]
)
def test_everything_public_of_a_class_is_documented(name):
    public = {key: value for key, value in vars(getattr(mbnas, name)).items() if key[0] != "_"}
    documented = {
        key for key, value in public.items() if callable(value) or isinstance(value, property)
    }
    assert [key for key in documented if not getattr(getattr(mbnas, name), key).__doc__] == []


def test_another_name_does_not_exist():
    with pytest.raises(AttributeError, match="module 'mbnas' has no attribute 'serch'"):
        mbnas.serch  # noqa: B018


@pytest.mark.parametrize(
    "before", ["", "import mbnas.search.local", "from mbnas.search.settings import SearchSettings"]
)
def test_search_is_a_function_whatever_was_imported_before(before):
    code = f"{before}\nimport mbnas\nassert mbnas.search.__module__ == 'mbnas.api.start'\n"
    code += "import mbnas.search.evolution\nassert mbnas.search.__name__ == 'search'"
    assert run(code).stderr == ""


def test_importing_mbnas_imports_nothing_slow():
    slow = ("torch", "numpy", "scipy", "rich", "monai", "nibabel", "matplotlib", "pandas")
    code = f"import sys, mbnas\nprint([each for each in {slow} if each in sys.modules])"
    assert run(code).stdout == "[]\n"


def test_no_public_name_loads_torch():
    code = "import sys, mbnas\n[getattr(mbnas, each) for each in mbnas.__all__]\n"
    assert run(code + "sys.exit('torch' in sys.modules)").returncode == 0
