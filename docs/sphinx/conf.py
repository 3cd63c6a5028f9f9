"""Settings of the documentation site: Sphinx with MyST, on the repository as it is.

    sphinx-build -E -W --keep-going -c docs/sphinx . site

Sphinx reads Markdown wherever it is, so that a link is the same on the site and in the repository,
and an unknown one ends the build. The site needs no network: fonts, scripts and search are files.
"""

import sys
from pathlib import Path

from mbnas import __version__

sys.path.insert(0, str(Path(__file__).parent))

project = "mbnas"
version = release = __version__
project_copyright = "the authors of mbnas"

root_doc = "README"
include_patterns = [
    "*.md",
    "docs/*.md",
    "docs/**/*.md",
    "benchmarks/*.md",
    "benchmarks/**/*.md",
    "src/mbnas/**/*.md",
    "examples/*.ipynb",
]
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "navigation",
    "repository_links",
]
suppress_warnings = ["toc.not_included"]  # dated results are reached from the pages that cite them

myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_output_stderr = "remove"  # warnings of libraries name folders of the machine

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Source"]
highlight_language = "bash"  # of blocks that name none, most of which are commands
maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"mbnas {__version__}"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
copybutton_prompt_text = "$ "
