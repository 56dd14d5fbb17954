"""Makes figures, tables and a page from rows: `scripts/report.py runs=outputs/runs`.

Needs no JAX and no accelerator. Nothing is measured here: what has no rows is left out,
and a line says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from command import command
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig


@command("report")
def main(cfg: DictConfig) -> None:
    """Writes every figure, table and page that is chosen and has rows."""
    from rich.console import Console

    from research.errors import UserError
    from research.runs.tables import read_metrics, read_rows, read_runs

    runs, rows, metrics = (
        read(cfg.runs, cfg.done_only) for read in (read_runs, read_rows, read_metrics)
    )
    if rows.empty and metrics.empty:
        raise UserError(
            f"runs={cfg.runs}: no rows in any finished run there; finish one with "
            "scripts/train.py, or take unfinished ones with done_only=false"
        )
    runs = runs[runs["path"].isin({*rows["path"], *metrics["path"]})]
    console, out = Console(), Path(cfg.out)
    missing, written = [], []
    for name, make in chosen(cfg, "table"):
        from research.report.tables import table

        try:
            made = make(runs, rows, metrics)
        except UserError as error:
            missing.append(f"{name}: {error}")
            continue
        console.print(table.rich(made))
        written += table.save(made, out / name)
    for name, draw in chosen(cfg, "figure"):
        from research.report.figures import style

        try:
            made = draw(runs, rows, metrics)
        except UserError as error:
            missing.append(f"{name}: {error}")
            continue
        written += style.save(made, out / name)
    for name, make in chosen(cfg, "page"):  # last: it shows the figures
        try:
            written.append(make(runs, rows, metrics, out=out / f"{name}.html"))
        except UserError as error:
            missing.append(f"{name}: {error}")
    if not written:
        raise UserError("; ".join(missing))
    for line in missing:
        console.print(f"left out: {line}", soft_wrap=True, markup=False)
    console.print("wrote", ", ".join(map(str, written)), soft_wrap=True, markup=False)


def chosen(cfg: DictConfig, group: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yields a group's makers, unless the command line chooses from others only."""
    overridden = {line.partition("=")[0] for line in HydraConfig.get().overrides.task}
    if group in overridden or not overridden & {"figure", "table", "page"}:
        for name, node in cfg[group].items():
            yield name, instantiate(node)


if __name__ == "__main__":
    main()
