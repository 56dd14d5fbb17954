"""Makes figures, tables and a page from rows: `scripts/report.py runs=outputs/runs`.

Needs no JAX and no accelerator. Nothing is measured here: what has no rows is left out,
and a line says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from command import command
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

if TYPE_CHECKING:
    from research.report.results import Results

Maker = Callable[..., Any]  # of a figure, a table or a page, from results


@command("report")
def main(cfg: DictConfig) -> None:
    """Writes every figure, table and page that is chosen and has rows."""
    from research.config import compose, compose_flat
    from research.errors import Unwritable, UserError
    from research.report.results import Results
    from research.runs.folders import find_home

    results = Results.read(cfg.runs, done_only=cfg.done_only, compose=compose_flat)
    out = Path(cfg.out or find_home(cfg.runs))
    if results.of_claims and not overridden() & SAVERS.keys():
        cfg = compose(*OF_CLAIMS, config="report")
    elif results.of_maps and not overridden() & SAVERS.keys():
        cfg = compose(*OF_MAPS, config="report")
    written: list[Path] = []
    missing: dict[str, list[str]] = {}  # why → what was left out for that
    for group, save in SAVERS.items():
        for name, make in choose_makers(cfg, group):
            try:
                written += save(results, make, out / name)
            except Unwritable:
                raise
            except UserError as error:
                missing.setdefault(str(error), []).append(name)
    lines = [f"{', '.join(names)}: {why}" for why, names in missing.items()]
    lines += results.omitted
    if not written:
        nothing = "nothing is chosen; give figure=…, table=… or page=…"
        raise UserError("; ".join(lines) or nothing)
    for line in lines:
        print(f"left out: {line}")
    print("wrote", ", ".join(map(str, written)))


def save_table(results: Results, make: Maker, path: Path) -> list[Path]:
    """Prints a table and writes it in every form."""
    from rich.console import Console

    from research.report.tables import forms

    table = make(results)
    Console().print(forms.to_rich(table))
    return forms.save(table, path)


def save_figure(results: Results, make: Maker, path: Path) -> list[Path]:
    """Writes a figure in every format."""
    from research.report.figures import style

    return style.save(make(results), path)


def save_page(results: Results, make: Maker, path: Path) -> list[Path]:
    """Writes the page, with the figures that lie beside it."""
    return [make(results, out=path.with_name(f"{path.name}.html"))]


OF_CLAIMS = ("table=verdicts", "figure=[verdicts,claims]", "page=page")
OF_MAPS = ("figure=[segmentation,maps_tradeoff,consistency,curves]", "page=[]")
# The page last: it shows the figures.
SAVERS = {"table": save_table, "figure": save_figure, "page": save_page}


def overridden() -> set[str]:
    """Returns the keys that the command line sets."""
    return {line.partition("=")[0] for line in HydraConfig.get().overrides.task}


def choose_makers(cfg: DictConfig, group: str) -> Iterator[tuple[str, Maker]]:
    """Yields a group's makers, unless the command line chooses from others only."""
    from research.config import build

    if group in overridden() or not overridden() & SAVERS.keys():
        for name, node in cfg[group].items():
            yield name, build(node)


if __name__ == "__main__":
    main()
