"""Reads the project's docstrings, which are plain text with `code`, as reST.

In them `|x|` is a norm, `*` a product and `word_` a name, none of which is markup.
Bold, lists, code and the sections of Google's style are.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

CODE = re.compile(r"(``.+?``|`[^`]+`)")
MARKUP = re.compile(r"(\*\*(?=\S).+?(?<=\S)\*\*)")
ESCAPED = re.compile(r"[*|]|(?<=\w)_(?!\w)")


def escape(text: str) -> str:
    """Returns a line of a docstring with what only looks like markup escaped."""
    code = CODE.split(text)
    for place in range(0, len(code), 2):
        parts = MARKUP.split(code[place])
        parts[::2] = [ESCAPED.sub(r"\\\g<0>", part) for part in parts[::2]]
        code[place] = "".join(parts)
    code[1::2] = [f"``{part.strip('`')}``" for part in code[1::2]]
    return "".join(code)


def escape_lines(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Escapes a docstring in place, but for its literal blocks."""
    literal: int | None = None  # how far the line was indented that opened a block
    for place, line in enumerate(lines):
        depth = len(line) - len(line.lstrip())
        if literal is not None and line.strip() and depth <= literal:
            literal = None
        if literal is None and line.rstrip().endswith("::"):
            literal = depth
        elif literal is None:
            lines[place] = escape(line)


def escape_types(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Escapes in place the types of attributes: shapes have stars."""
    for place, line in enumerate(lines):
        if line.startswith(":vartype "):
            lines[place] = line.replace("*", "\\*")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connects to autodoc, before and after what reads Google's sections."""
    app.connect("autodoc-process-docstring", escape_lines, priority=400)
    app.connect("autodoc-process-docstring", escape_types, priority=600)
    return {"parallel_read_safe": True}
