"""Pages name everything that there is: presets, evaluators, pages, make's targets."""

import re
import sys
import types
from pathlib import Path

import pytest
import yaml
from documents import DOCUMENTS, ROOT, name

from research.config.composing import options_of

LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[\w-]+)?\)")
# Of pages that `make docs` writes.
WRITTEN = ("docs/api/", "docs/_generated/")


def sections(page):
    """Returns the text of each section `### `name``, by its name."""
    text = (ROOT / page).read_text()
    found = re.split(r"^### `(\w+)`\n", text, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130


def test_every_preset_is_in_the_gallery():
    shown = sections("docs/downsamplers.md")
    assert sorted(shown) == options_of("downsample")
    for preset, text in shown.items():
        assert text.startswith(f"```{{preset}} {preset}\n"), preset


def test_every_evaluator_has_its_question_command_and_reading():
    shown = sections("docs/evaluators.md")
    assert sorted(shown) == options_of("eval")
    for evaluator, text in shown.items():
        assert re.match(r"\*[^*]+[?.]\*", text), f"{evaluator}: no question"
        assert "```sh\npython scripts/" in text, f"{evaluator}: no command"
        assert "**Read it**" in text, f"{evaluator}: not how to read it"


def test_every_data_set_has_a_licence():
    text = (ROOT / "docs/licences.md").read_text()
    table = text[text.index("## Data sets") : text.index("## Photographs")]
    assert [one for one in options_of("data") if f"`{one}`" not in table] == []


def test_a_command_of_an_evaluator_chooses_it():
    for evaluator, text in sections("docs/evaluators.md").items():
        chosen = f"eval={evaluator}" in text
        default = evaluator == "segmentation" and "task=segmentation" in text
        assert chosen or default, evaluator


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_lead_somewhere(path):
    for target in LINK.findall(path.read_text()):
        place = (path.parent / target).resolve()
        shown = str(place.relative_to(ROOT))
        assert place.exists() or shown.startswith(WRITTEN), target


def test_every_document_is_in_the_contents():
    tree = re.compile(r"^```{toctree}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    listed = {
        (path.parent / f"{line}.md").resolve()
        for path in DOCUMENTS
        for block in tree.findall(path.read_text())
        for line in block.splitlines()
        if line and line[0] != ":"
    }
    outside = {ROOT / "README.md", ROOT / "docs/index.md"}
    assert sorted({*DOCUMENTS} - listed - outside) == []


def test_the_picture_is_small():
    assert (ROOT / "docs/picture.png").stat().st_size < 300_000


def test_no_document_names_a_host_of_packages():
    for path in DOCUMENTS:
        assert not re.search(r"\bpypi\.\w+|pythonhosted", path.read_text()), path


def test_the_workflow_calls_targets_that_there_are():
    text = (ROOT / ".github/workflows/tests.yml").read_text()
    jobs = yaml.safe_load(text)["jobs"]
    assert len(jobs["test"]["strategy"]["matrix"]["python"]) == 2
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    called = re.findall(r"make (\w+)", text)
    assert {"test", "install", "docs"} <= {*called} <= {*targets}


def test_hooks_are_yaml_and_their_scripts_exist():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    entries = [hook["entry"] for repo in hooks["repos"] for hook in repo["hooks"]]
    scripts = re.findall(r"scripts/\w+\.py", " ".join(entries))
    assert len(entries) == 4 and all((ROOT / script).exists() for script in scripts)


@pytest.mark.parametrize("kind", ["bug", "result", "addition"])
def test_issues_ask_for_provenance(kind):
    form = yaml.safe_load((ROOT / f".github/ISSUE_TEMPLATE/{kind}.yml").read_text())
    assert "provenance" in [part.get("id") for part in form["body"]]


@pytest.fixture
def escape(monkeypatch):
    """What makes reST of a docstring's line; Sphinx itself is not needed for it."""
    sphinx = types.ModuleType("sphinx.application")
    sphinx.Sphinx = object
    monkeypatch.setitem(sys.modules, "sphinx.application", sphinx)
    monkeypatch.syspath_prepend(str(ROOT / "docs/_extensions"))
    import docstrings

    yield docstrings.escape
    del sys.modules["docstrings"]


@pytest.mark.parametrize(
    "line, expected",
    [
        ("max(|dy|, |dx|) = `d`", r"max(\|dy\|, \|dx\|) = ``d``"),
        (
            "a * b, `x*y`, word_ and words_apart",
            r"a \* b, ``x*y``, word\_ and words_apart",
        ),
        ("**bold** and 2*3", r"**bold** and 2\*3"),
        ("``|x|`` stays", "``|x|`` stays"),
    ],
)
def test_docstrings_are_text_with_code(escape, line, expected):
    assert escape(line) == expected


def test_every_module_is_in_the_reference(monkeypatch):
    sphinx = types.ModuleType("sphinx.application")
    sphinx.Sphinx = object
    monkeypatch.setitem(sys.modules, "sphinx.application", sphinx)
    monkeypatch.syspath_prepend(str(ROOT / "docs/_extensions"))
    import api_pages

    packages = api_pages.list_packages()
    listed = [module for modules in packages.values() for module in modules]
    files = list((ROOT / "research").rglob("*.py"))
    assert len(listed) == len(set(listed)) == len(files)
    assert {"research", "research.downsample", "research.evals"} <= packages.keys()
    text = "\n".join(api_pages.write_page("research.nn", packages["research.nn"]))
    assert text.count("automodule::") == len(packages["research.nn"])
    assert Path(api_pages.FOLDER) == ROOT / "docs/api"
