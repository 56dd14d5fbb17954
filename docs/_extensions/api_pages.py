"""Writes `docs/api/`: a page for each package, from its modules' docstrings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/api"


def list_packages() -> dict[str, list[str]]:
    """Returns the modules of each package below `research`; of `research` the rest."""
    packages: dict[str, list[str]] = {}
    for path in sorted((ROOT / "research").rglob("*.py")):
        parts = list(path.relative_to(ROOT).with_suffix("").parts)
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        is_room = (ROOT / "/".join(parts[:2])).is_dir()
        package = ".".join(parts[:2]) if is_room else "research"
        packages.setdefault(package, []).append(module)
    return packages


def first_line(module: str) -> str:
    """Returns the first line of a module's docstring."""
    path = ROOT / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return (ast.get_docstring(ast.parse(file.read_text())) or "").split("\n")[0]


def write_page(package: str, modules: list[str]) -> Iterator[str]:
    """Yields the lines of the page of a package."""
    yield f"# `{package}`\n"
    for module in modules:
        if module != package:
            yield f"## `{module}`\n"
        yield "```{eval-rst}"
        yield f".. automodule:: {module}\n   :members:\n   :ignore-module-all:"
        yield "```\n"


def write_pages(app: Sphinx) -> None:
    """Writes the pages that changed, and the index."""
    packages = list_packages()
    rows = [
        f"| [`{name}`]({name}.md) | {first_line(name)} |" for name in sorted(packages)
    ]
    index = [
        "# API reference\n",
        "From the docstrings, package by package. Shapes are (batch, height, width, "
        "channels) unless a signature says otherwise; which package may import which "
        "is in [Contributing](../../CONTRIBUTING.md).\n",
        "| package | |\n| --- | --- |",
        *rows,
        "\n```{toctree}\n:hidden:\n",
        *sorted(packages),
        "```",
    ]
    pages = {name: list(write_page(name, found)) for name, found in packages.items()}
    pages["index"] = index
    FOLDER.mkdir(exist_ok=True)
    for name, lines in pages.items():
        path, text = FOLDER / f"{name}.md", "\n".join(lines) + "\n"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    for stale in FOLDER.glob("*.md"):
        if stale.stem not in pages:
            stale.unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    """Has the pages written before Sphinx looks for documents."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True}
