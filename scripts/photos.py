"""A model on photographs: `python scripts/photos.py predict=… data.manual_dir=DIR`.

Measures how often the top-1 class survives a move by a few pixels, and writes a table,
figures and a page with the worst flips. Nothing needs a label.
"""

from __future__ import annotations

import sys
from pathlib import Path

from command import command
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig


@command("photos")
def main(cfg: DictConfig) -> None:
    """Evaluates the model, then writes the report beside its rows."""
    from research.config import build
    from research.distributed import devices
    from research.errors import UserError
    from research.report.results import Results
    from research.report.writing import SAVERS, write_all
    from research.runs.evaluate import evaluate_foreign

    if cfg.predict is None:
        raise UserError(
            "predict=null: takes the model to evaluate, such as predict=timm:resnet18, "
            "hf:NAME, onnx:FILE or module:function (docs/adapters.md)"
        )
    devices.prepare(cfg.root, cfg.distributed, deterministic=cfg.deterministic)
    folder = Path(HydraConfig.get().runtime.output_dir)
    choices = HydraConfig.get().runtime.choices
    evaluate_foreign(cfg, folder, choices=choices, command=" ".join(sys.argv))
    results = Results.read(folder)
    chosen = {
        group: [(name, build(node)) for name, node in cfg[group].items()]
        for group in SAVERS
    }
    written = write_all(results, chosen, folder)
    for line in written.reasons:
        print(f"left out: {line}")
    print("wrote", ", ".join(map(str, written.files)))


if __name__ == "__main__":
    main()
