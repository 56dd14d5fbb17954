"""Text for LaTeX, without what pdfLaTeX would act on or has no letter for."""

from __future__ import annotations

import re

SIGNS = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    '"': "''",
    "“": "``",
    "”": "''",
    "’": "'",
    "…": r"\ldots{}",
    "–": "--",
    "−": "$-$",
    "×": r"$\times$",
    "°": r"$^\circ$",
    "·": r"$\cdot$",
    "±": r"$\pm$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\rightarrow$",
    "←": r"$\leftarrow$",
    "∂": r"$\partial$",
    "√": r"$\sqrt{\ }$",
    "‖": r"$\|$",
    "²": r"$^2$",
    "½": r"$\frac12$",
}
ESCAPES = str.maketrans(SIGNS)


def escape(text: str) -> str:
    """Returns text in which pdfLaTeX finds nothing to act on, letters as they are.

    A space before a per cent sign does not break. Of signs that are neither letters of
    Europe nor in `SIGNS` the LaTeX file has the sign itself, for XeLaTeX.
    """
    return re.sub(r" (?=\\%)", "~", text.translate(ESCAPES))
