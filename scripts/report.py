"""Makes figures, tables and a page from rows: `scripts/report.py runs=outputs/runs`.

Needs no JAX and no accelerator. Nothing is measured here: every figure that has rows is
drawn, and a line says which of the usual ones have none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from command import command
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig


@command("report")
def main(cfg: DictConfig) -> None:
    """Writes every figure, table and page that is chosen and has rows."""
    from research.config import compose, compose_flat
    from research.errors import UserError
    from research.report.results import Results
    from research.report.writing import SAVERS, write_all
    from research.runs.folders import find_home

    style = cfg.style
    results = Results.read(cfg.runs, done_only=cfg.done_only, compose=compose_flat)
    out = Path(cfg.out or find_home(cfg.runs))
    if results.of_claims and not overridden() & GROUPS:
        cfg = compose(*OF_CLAIMS, config="report")
    elif results.of_maps and not overridden() & GROUPS:
        cfg = compose(*OF_MAPS, config="report")
    chosen = {group: list(choose_makers(cfg, group)) for group in SAVERS}
    further = [] if results.of_claims or overridden() & GROUPS else find_further(cfg)
    chosen["figure"] += further
    optional = [name for name, _ in further]
    written = write_all(results, chosen, out, optional, style=style)
    lines = [*written.reasons, *results.omitted]
    if not written.files:
        nothing = "nothing is chosen; give figure=…, table=… or page=…"
        raise UserError("; ".join(lines) or nothing)
    for line in lines:
        print(f"left out: {line}")
    print("wrote", ", ".join(map(str, written.files)))


GROUPS = {"table", "figure", "page"}
OF_CLAIMS = ("table=[verdicts,cases]", "figure=[verdicts,claims]", "page=page")
APART = {"claims", "verdicts", "moves"}  # of claims; and what repeats others
OF_MAPS = ("figure=[segmentation,maps_tradeoff,consistency,curves]", "page=[]")


def overridden() -> set[str]:
    """Returns the keys that the command line sets."""
    return {line.partition("=")[0] for line in HydraConfig.get().overrides.task}


def find_further(cfg: DictConfig) -> list[tuple[str, Any]]:
    """Returns the makers of all figures that the config leaves out."""
    from research.config import build, compose
    from research.config.composing import options_of

    names = [one for one in options_of("figure") if one not in {*cfg.figure, *APART}]
    whole = compose(f"figure=[{','.join(names)}]", config="report")
    return [(name, build(node)) for name, node in whole.figure.items()]


def choose_makers(cfg: DictConfig, group: str) -> Iterator[tuple[str, Any]]:
    """Yields a group's makers, unless the command line chooses from others only."""
    from research.config import build

    if group in overridden() or not overridden() & GROUPS:
        for name, node in cfg[group].items():
            yield name, build(node)


if __name__ == "__main__":
    main()
