"""The caption of a figure beside it: as plain text, and as an environment of LaTeX."""

from __future__ import annotations

import textwrap
from pathlib import Path

from research.files.atomic import write_text
from research.report.figures.looks import WIDTHS
from research.report.figures.texts import Drawn
from research.report.latex import escape

COLUMNS = 88  # characters in a line of a file


def to_text(figure: Drawn) -> str:
    """Returns the caption in lines of plain text."""
    return textwrap.fill(figure.caption, COLUMNS, break_on_hyphens=False) + "\n"


def to_latex(figure: Drawn, name: str) -> str:
    r"""Returns a `figure` environment, for `\input`; it needs `graphicx`.

    The picture is included as wide as it was drawn, so that its letters keep their
    size. What is wider than a column spans both, where a page has two.

    Args:
      figure: whose text it has.
      name: of the file of the picture, without suffix.
    """
    wide = figure.get_figwidth() > WIDTHS["one"]
    kind = "figure*" if wide else "figure"
    lines = textwrap.wrap(
        escape(figure.caption), COLUMNS, break_on_hyphens=False, break_long_words=False
    )
    return "\n".join(
        [
            rf"\begin{{{kind}}}",
            r"  \centering",
            rf"  \includegraphics[width={figure.get_figwidth():g}in]{{{name}}}",
            r"  \caption{%",
            *(f"    {line}" for line in lines),
            r"  }",
            rf"  \label{{fig:{name}}}",
            rf"\end{{{kind}}}",
            "",
        ]
    )


def save_texts(figure: Drawn, path: Path) -> list[Path]:
    """Writes the caption beside a figure, `NAME.txt` and `NAME_figure.tex`.

    A table of the same name has `NAME.tex`.

    Args:
      figure: whose caption it is.
      path: of the figure, without suffix.

    Raises:
      Unwritable: the disk is full or the folder cannot be written.
    """
    contents = {
        path.with_name(f"{path.name}.txt"): to_text(figure),
        path.with_name(f"{path.name}_figure.tex"): to_latex(figure, path.name),
    }
    for file, content in contents.items():
        write_text(file, content)
    return [*contents]
