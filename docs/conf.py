"""Configuration of Sphinx. `make docs` builds the pages into `outputs/docs`.

The source folder is the root of the repository, so that a link between two documents
is the same on a code host and in the pages.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent
# The last holds scripts for other environments, which import each other.
HERE = [".", "docs/_extensions", "research/adapters/serving"]
sys.path[:0] = [str(ROOT / folder) for folder in HERE]
# Notebooks run in processes of their own, which must import this checkout as well.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")

project = "Translation-invariance experiments"
author = "The translation-invariance experiments developers"
project_copyright = author

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "docstrings",
    "api_pages",
    "gallery",
]
root_doc = "docs/index"
include_patterns = [
    "docs/*.md",
    "docs/api/*.md",
    "docs/results/*.md",
    "notebooks/*.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
]
exclude_patterns = [
    *(".*", "research", "tests", "conf", "scripts", "outputs", "*.egg-info"),
]
# Types are written without their module, and some names are of several classes.
suppress_warnings = ["ref.python"]

myst_enable_extensions = []  # no mathematics, whose fonts would come from the network
myst_heading_anchors = 3
nb_execution_mode = os.environ.get("NOTEBOOKS") or "force"  # or cache, off
nb_execution_cache_path = str(ROOT / "outputs/docs/.notebooks")
nb_execution_timeout = 900  # seconds a cell, on a machine that does other work
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True
if find_spec("torch") is None:
    tags.add("without_torch")  # of Sphinx; the page says so
    nb_execution_excludepatterns = ["notebooks/your_network.md"]
    print("notebooks/your_network.md is not run: PyTorch is not installed")

default_role = "code"  # docstrings write `name`
napoleon_use_ivar = True
autodoc_mock_imports = [name for name in ("torch",) if find_spec(name) is None]
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
maximum_signature_line_length = 88
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "sphinx_book_theme"
html_title = project
html_extra_path = ["_extra"]  # the index of the folder, which leads to the first page
html_static_path = ["_static"]
html_css_files = ["docs.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "home_page_in_toc": True,
    "navbar_persistent": [],  # the search of the sidebar is enough
}
