"""Arguments of a wrong type, in every public function: one sentence, before any work."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

import mbnas
from mbnas.api.checked_arguments import checked


@checked
def called(
    *names: Literal["a", "b"],
    number: int | None = None,
    size: float = 1.0,
    places: Sequence[str | Path] = (),
    settings: Mapping[str, object] | None = None,
    free=None,
) -> "NotImported":  # noqa: F821
    return True


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"number": np.int64(3)},
        {"size": 2},
        {"size": np.float32(2)},
        {"places": ["a", Path("b")]},
        {"settings": {"a": 5}},
        {"free": object()},
    ],
)
def test_what_fits_is_passed_on(given):
    assert called("a", "b", **given)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"number": "2"}, r"^number \(='2'\) must be of type int \| None\.$"),
        ({"number": 1.5}, r"^number \(=1\.5\) must be"),
        ({"number": True}, r"^number \(=True\) must be"),
        ({"size": "wide\n"}, r"^size \(='wide\\n'\) must be of type float\.$"),
        ({"places": "ab"}, r"^places \(='ab'\) must be"),
        ({"places": ("a", 5)}, r"^places \(=\('a', 5\)\) must be"),
        ({"settings": {5: 5}}, r"^settings \(=\{5: 5\}\) must be"),
    ],
)
def test_what_does_not_fit_is_one_sentence(given, told):
    with pytest.raises(mbnas.MbnasError, match=told):
        called(**given)
    with pytest.raises(mbnas.MbnasError, match=r"^names \(='c'\) must be a or b\.$"):
        called("a", "c")


def test_an_argument_that_does_not_exist_is_pythons_own_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'numbr'"):
        called(numbr=3)


@pytest.mark.parametrize("wrong", [{"confirm": 5}, {"settings": {5: 5}}, {"watch": 5}])
def test_a_search_begins_with_arguments_that_fit(wrong, tmp_path):
    (name,) = wrong
    with pytest.raises(mbnas.MbnasError, match=f"^{name} "):
        mbnas.search("dataset", tmp_path / "study", **wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("method", "wrong"),
    [
        (mbnas.Study.compare, {"initialisations": "2"}),
        (mbnas.Study.compare, {"initialisations": 1.5}),
        (mbnas.Study.train, {"name": 5}),
        (mbnas.Study.predict, {"source": "a", "target": "b", "workers": 1.5}),
        (mbnas.Model.predict, {"source": "a", "target": "b", "workers": "2"}),
        (mbnas.Search, {"latency_ms": 7}),
        (mbnas.Search, {"searcher": 7}),
        (mbnas.Network.build, {"in_channels": "1"}),
    ],
)
def test_methods_are_called_with_arguments_that_fit(method, wrong):
    *_, name = wrong
    instance = () if isinstance(method, type) else (None,)
    with pytest.raises(mbnas.MbnasError, match=f"^{name} "):
        method(*instance, **wrong)


def test_a_front_has_costs_that_exist():
    with pytest.raises(mbnas.MbnasError, match=r"^costs \(='foo'\) must be parameters, macs or"):
        mbnas.Study.front_by(None, "macs", "foo")
