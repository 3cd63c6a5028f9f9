"""The site: a tiny repository is built as `make docs` builds this one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx")
pytest.importorskip("myst_nb")

SETTINGS = Path(__file__).parents[1] / "docs" / "sphinx"
PAGES = {
    "README.md": "# Front\n\n[Guide](docs/guide.md#part), [code](src/part), [table](docs/t.csv).\n",
    "docs/README.md": "# Contents\n\n## Use\n\n- [Guide](guide.md)\n1. [Code](more/README.md)\n",
    "docs/guide.md": "# Guide\n\n## Part\n\n[Code](../src/part/code.py)\n",
    "docs/more/README.md": "# More\n",
    "docs/more/below.md": "# Below\n",
    "docs/t.csv": "a,b\n",
    "src/part/code.py": '"""What <it> does."""\n\nx = 1\n',
}


def build(folder, **changed):
    for name, text in (PAGES | changed).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    options = ["-q", "-W", "--keep-going", "-c", str(SETTINGS), str(folder), str(folder / "site")]
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *options], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repository")
    built = build(folder)
    assert built.returncode == 0, built.stderr
    return folder / "site"


def links(page):
    return set(re.findall(r'href="([^"#]+)', page.read_text("utf-8")))


def test_the_contents_are_the_navigation(site):
    shown = links(site / "README.html")
    assert {"docs/README.html", "docs/guide.html", "docs/more/README.html"} <= shown
    assert "docs/more/below.html" in shown


def test_links_to_files_lead_to_copies(site):
    assert {"src/part/index.html", "docs/t.csv"} <= links(site / "README.html")
    assert "../src/part/code.py.html" in links(site / "docs/guide.html")
    assert (site / "docs/t.csv").read_text() == "a,b\n"
    assert "code.py.html" in links(site / "src/part/index.html")
    assert "What &lt;it&gt; does." in (site / "src/part/index.html").read_text("utf-8")


def test_the_start_leads_to_the_front_page(site):
    assert "url=README.html" in (site / "index.html").read_text("utf-8")


def test_the_site_fetches_nothing(site):
    for page in site.rglob("*.html"):
        assert not re.search(r'<(script|link|img)[^>]*(src|href)="(https?:)?//', page.read_text())


def test_broken_links_fail(tmp_path):
    broken = ("gone.md", "guide.md#missing", "../src/nowhere")
    text = "\n\n".join(f"[It]({each})" for each in broken)
    built = build(tmp_path, **{"docs/guide.md": f"# Guide\n\n## Part\n\n{text}\n"})
    assert built.returncode != 0
    for name in ("gone", "missing", "nowhere"):
        assert name in built.stderr
