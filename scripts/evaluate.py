"""Evaluates runs, or any classifier: `python scripts/evaluate.py run_dir=… eval=…`."""

from __future__ import annotations

import glob
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from command import command
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

if TYPE_CHECKING:
    from research.runs.rows import Row


@command("eval")
def main(cfg: DictConfig) -> None:
    """Runs the configured evaluators on each subject."""
    from research.distributed import devices
    from research.errors import UserError
    from research.files.leftovers import is_copy, is_leftover
    from research.runs.evaluate import (
        evaluate_foreign,
        evaluate_run,
        evaluate_untrained,
        evaluate_wrapped,
    )

    devices.prepare(cfg.root, cfg.distributed, deterministic=cfg.deterministic)
    line, runtime = " ".join(sys.argv), HydraConfig.get().runtime
    if cfg.run_dir is not None:
        exact = Path(cfg.run_dir)  # its name may look like a pattern
        found = [exact] if exact.is_dir() else map(Path, glob.glob(cfg.run_dir))
        folders = sorted(
            path
            for path in found
            if (path / "config.yaml").exists()
            and (path == exact or not (is_leftover(path.name) or is_copy(path)))
        )
        if not folders:
            require_no_store(exact)
            raise UserError(
                f"run_dir={cfg.run_dir}: neither a run folder, with its config.yaml, "
                "nor a pattern that fits one; give what scripts/train.py made, such "
                "as run_dir='outputs/runs/*'"
            )
        overrides = list(HydraConfig.get().overrides.task)
        names = Counter(folder.name for folder in folders)
        for folder in folders if exact.is_dir() else keep_finished(folders):
            if not cfg.wrap and cfg.checkpoint == "last":
                show(evaluate_run(cfg, folder, overrides=overrides), cfg)
                continue
            alone = names[folder.name] == 1
            name = folder.name if alone else f"{folder.parent.name},{folder.name}"
            out = Path(runtime.output_dir, name)
            rows = evaluate_wrapped(
                cfg,
                folder,
                out,
                overrides=overrides,
                choices=runtime.choices,
                command=line,
            )
            show(rows, cfg)
        return
    evaluate = evaluate_untrained if cfg.predict is None else evaluate_foreign
    out = Path(runtime.output_dir)
    show(evaluate(cfg, out, choices=runtime.choices, command=line), cfg)


def require_no_store(path: Path) -> None:
    """Refuses a packed store, or a run in one.

    Raises:
      UserError: names the store.
    """
    from research.errors import UserError
    from research.runs.store import find_around

    if (store := find_around(path / "run")) is not None:
        raise UserError(
            f"run_dir={path}: {store.folder} is a packed store, which keeps rows and "
            "no networks; give the folders that it was packed from"
        )


def keep_finished(folders: Sequence[Path]) -> Sequence[Path]:
    """Returns the runs that are finished, and prints how many of a pattern are not.

    If none is they all stay: the first is then refused.
    """
    from research.jobs.status import done
    from research.progress import say

    finished = [folder for folder in folders if done(folder) is not None]
    if not finished:
        return folders
    if unfinished := [folder for folder in folders if folder not in finished]:
        several = "s" if len(unfinished) > 1 else ""
        say(
            f"left out: {len(unfinished)} run{several}, such as {unfinished[0]}, not "
            "finished"
        )
    return finished


def show(rows: Sequence[Row], cfg: DictConfig) -> None:
    """Prints the values that were measured, under the run and the split."""
    from research.distributed import hosts
    from research.runs.showing import show_rows

    if rows and hosts.leads():
        print(f"{rows[0].run}, split={cfg.split}:", *show_rows(rows), sep="\n")


if __name__ == "__main__":
    main()
