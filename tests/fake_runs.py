"""Run folders of networks that were never trained, for figures, tables and readers."""

from pathlib import Path

import numpy as np
from omegaconf import OmegaConf

from research.evals.measurement import Measurement
from research.files.atomic import write_json
from research.files.lines import MetricsFile
from research.runs import identity
from research.runs.outcome import read_config
from research.runs.rows import write_measurements

# preset: accuracy, agreement at one pixel (circular), loss of agreement per pixel
ARMS = {
    "decimate": (0.958, 0.86, 0.05),
    "max": (0.974, 0.91, 0.035),
    "average": (0.969, 0.93, 0.03),
    "max_blur": (0.976, 0.96, 0.015),
    "aps": (0.971, 1.0, 0.0),
}


def fake_run(
    root: Path,
    name: str,
    *,
    preset: str = "max",
    seed: int = 0,
    examples: int = 360,
    epochs: int = 12,
    done: bool = True,
    choices: dict | None = None,
    config: dict | None = None,
    skill: tuple[float, float, float] | None = None,
    overrides: list[str] | None = None,
) -> Path:
    """Writes a whole run folder as `research.runs.run` does, and returns it."""
    rng = np.random.default_rng([seed, *name.encode()])
    accuracy, near, decay = skill or ARMS[preset]
    accuracy += rng.normal(0, 0.004)
    folder = root / name
    provenance = {
        "run": name,
        "commit": "0" * 40,
        "dirty": False,
        "seed": seed,
        "choices": {
            "data": "digits",
            "downsample": preset,
            "model": "chollet",
            "eval": ["accuracy", "shift"],
            "experiment": None,
            "downsample/reduce": "max" if "max" in preset else "identity",
        }
        | (choices or {}),
        "overrides": overrides,
    }
    write_json(folder / "provenance.json", provenance)
    write_config(folder, provenance, config or {})
    with MetricsFile(folder) as metrics:
        for epoch in range(1, epochs + 1):
            for split, gap in [("train", 1.0), ("validation", 0.97)]:
                rise = 1 - 0.9 * np.exp(-epoch / (2 + 4 * decay * 10))
                metrics.append(
                    {"step": 10 * epoch, "epoch": epoch, "split": split}
                    | {"loss": 2.3 * (1.04 - rise * gap) * rng.uniform(0.95, 1.05)}
                    | {"accuracy": min(1, rise * gap * accuracy + 0.01)}
                    | {"examples": 1280 if split == "train" else 157}
                )
    chance = {
        ("circular", "max_shift", 3): near - decay,
        ("zero", "max_shift", 3): near - 0.05 - 2 * decay,
    } | {
        (protocol, "distance", d): near - loss - decay * (d - 1) * worse
        for protocol, loss, worse in [("circular", 0, 1), ("zero", 0.03, 2.2)]
        for d in range(1, 7)
    }

    def measured():
        yield Measurement.of_examples(
            "accuracy", "accuracy", rng.random(examples) < accuracy
        )
        for (protocol, param, value), p in chance.items():
            yield Measurement.of_examples(
                protocol,
                "agreement",
                rng.random(examples) < p,
                params={param: value},
            )

    write_measurements(folder, "shift", measured(), provenance, "test")
    if done:
        facts = {
            "training": identity.training_digest(read_config(folder)),
            "evaluators": {},
            "steps": 10 * epochs,
            "parameters": 93322,
        }
        write_json(folder / "done.json", facts | {"seconds": 12.5 + seed})
    return folder


def write_config(folder: Path, provenance: dict, more: dict) -> None:
    """Writes a config that differs where the choices of science do."""
    config = OmegaConf.create(
        {"seed": provenance["seed"], "downsample": {"stride": 2}, "data": {}}
    )
    for group, option in provenance["choices"].items():
        key = group.replace("/", ".")
        if group == "data":
            config.data.name = option
        elif group.partition("/")[0] in ("downsample", "model"):
            OmegaConf.update(config, f"{key}._target_", f"research.{key}.{option}")
    OmegaConf.save(OmegaConf.merge(config, more), folder / "config.yaml")


def fake_sweep(root: Path, *, seeds: int = 2, arms=ARMS) -> Path:
    """Writes a run for each preset and seed."""
    for preset in arms:
        for seed in range(seeds):
            fake_run(root, f"downsample={preset},seed={seed}", preset=preset, seed=seed)
    return root
