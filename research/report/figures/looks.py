"""How figures look: on a screen, with a title that says what was found; on paper.

A journal prints the caption itself, in a column 3.35 inches wide, and asks for letters
of 8 points. So `paper` figures have no title, and their caption lies beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, ParamSpec, TypeVar

import matplotlib
from matplotlib.typing import RcKeyType

Width = Literal["one", "two"]  # columns of a two-column page
WIDTHS: dict[Width, float] = {"one": 3.35, "two": 6.9}  # inches
Style = Literal["screen", "paper"]

RC: dict[RcKeyType, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.5,
    "figure.constrained_layout.use": True,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "research",
    "text.parse_math": False,  # a name may have a dollar sign
    "pdf.fonttype": 42,
}


@dataclass(frozen=True)
class Look:
    """What a style is.

    Attributes:
      width: of figures that do not need another, in columns.
      titled: whether the finding stands above a figure, and its note below.
      small: points of the smallest text.
      ticks: points of the text at ticks and in legends.
      whole: whether a claim's figure shows further contrasts below its questions, for
        which a page has no room.
      kinds: formats that are written.
    """

    width: Width
    titled: bool
    small: float
    ticks: float
    whole: bool
    kinds: tuple[str, ...]

    @property
    def rc(self) -> dict[RcKeyType, Any]:
        """The settings of matplotlib."""
        sized: tuple[RcKeyType, ...]
        sized = ("xtick.labelsize", "ytick.labelsize", "legend.fontsize")
        return RC | dict.fromkeys(sized, self.ticks) | {"legend.title_fontsize": 8}


LOOKS: dict[Style, Look] = {
    "screen": Look("two", True, 6.5, 7.0, True, ("png", "svg", "pdf")),
    "paper": Look("one", False, 8.0, 8.0, False, ("svg", "pdf")),
}
_look: ContextVar[Look] = ContextVar("look", default=LOOKS["screen"])

P = ParamSpec("P")
R = TypeVar("R")


def current() -> Look:
    """Returns the look that figures are drawn with: that of a screen, or `use`'s."""
    return _look.get()


@contextmanager
def use(style: Style) -> Iterator[Look]:
    """Draws figures in a style while the block runs."""
    before = _look.set(LOOKS[style])
    try:
        yield LOOKS[style]
    finally:
        _look.reset(before)


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Decorates a function that draws: it draws in the style in use."""

    @wraps(draw)
    def drawn(*args: P.args, **options: P.kwargs) -> R:
        with matplotlib.rc_context(current().rc):
            return draw(*args, **options)

    return drawn
