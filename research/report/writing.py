"""Writes tables, figures and pages: what each kind becomes on disk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from research.errors import NoRows, Unwritable, UserError
from research.report.results import Results

if TYPE_CHECKING:
    from research.report.figures.looks import Style

Maker = Callable[..., Any]  # of a figure, a table or a page, from results


def save_table(results: Results, make: Maker, path: Path, style: Style) -> list[Path]:
    """Prints a table and writes it in every form."""
    from rich.console import Console

    from research.report.tables import forms

    table = make(results)
    Console().print(forms.to_rich(table))
    return forms.save(table, path)


def save_figure(results: Results, make: Maker, path: Path, style: Style) -> list[Path]:
    """Writes a figure in every format of its style, and its caption beside it."""
    from research.report.figures.captions import save_texts
    from research.report.figures.looks import use
    from research.report.figures.style import save

    with use(style):
        figure = make(results)
        return save(figure, path) + save_texts(figure, path)


def save_page(results: Results, make: Maker, path: Path, style: Style) -> list[Path]:
    """Writes the page, with the figures that lie beside it."""
    return [make(results, out=path.with_name(f"{path.name}.html"))]


# The page last: it shows the figures.
SAVERS = {"table": save_table, "figure": save_figure, "page": save_page}


@dataclass
class Written:
    """What was written, and why the rest was not.

    Attributes:
      files: in order.
      missing: why → the names of what was left out for that.
    """

    files: list[Path] = field(default_factory=list)
    missing: dict[str, list[str]] = field(default_factory=dict)

    @property
    def reasons(self) -> list[str]:
        """A line for each reason."""
        return [f"{', '.join(names)}: {why}" for why, names in self.missing.items()]


def write_all(
    results: Results,
    chosen: Mapping[str, Iterable[tuple[str, Maker]]],
    out: Path,
    optional: Collection[str] = (),
    *,
    style: Style = "screen",
) -> Written:
    """Writes what has rows.

    Args:
      results: of the runs.
      chosen: by group of `SAVERS`, the makers with their names.
      out: the folder.
      optional: names of those that nobody misses where they have no rows.
      style: of the figures.

    Raises:
      Unwritable: a file cannot be written.
    """
    written = Written()
    for group, save in SAVERS.items():
        for name, make in chosen.get(group, ()):
            try:
                written.files += save(results, make, out / name, style)
            except Unwritable:
                raise
            except UserError as error:
                if name in optional and isinstance(error, NoRows):
                    continue
                written.missing.setdefault(str(error), []).append(name)
    return written
