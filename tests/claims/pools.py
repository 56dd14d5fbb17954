"""Tables of runs that were never made, whose contrasts are what a test wants."""

import json

import numpy as np
import pandas as pd
import yaml

from research.claims.pool import gather
from research.files.atomic import write_json
from research.files.lines import write_lines

SEEDS = range(5)
TRAINED = {"data.name": "mnist", "data.train_examples": 10, "train.epochs": 1}
COLUMNS = {
    "runs": ["path", "seed", "overrides", "fingerprints", "rules", "dirty"]
    + ["config", "setting"],
    "rows": ["path", "split", "protocol", "measure", "params", "value", "low", "high"],
    "metrics": ["path", "split", "examples_per_second"],
}


def compose(*overrides):
    """Stands in for Hydra: a config that is another for other overrides."""
    words = " ".join(sorted(one for one in overrides if not one.startswith("seed=")))
    return TRAINED | {"model.words": words, "seeds": 5}


def pool(*made):
    """Returns the pool of some tables."""
    return gather(*made, compose=compose)


def solved(wanted):
    """Returns (arm, measure) → value, such that every contrast has its effect.

    Args:
      wanted: pairs of a contrast and its effect.
    """
    keys = list(
        dict.fromkeys(
            (arm, repr(one.measure)) for one, _ in wanted for arm in sorted(one.arms)
        )
    )
    measures = {repr(one.measure): one.measure for one, _ in wanted}
    matrix = np.zeros((len(wanted), len(keys)))
    for row, (one, _) in enumerate(wanted):
        for arm, weight in one.arms.items():
            matrix[row, keys.index((arm, repr(one.measure)))] += weight
    effects = np.array([effect for _, effect in wanted])
    values = np.linalg.lstsq(matrix, effects, rcond=None)[0]
    np.testing.assert_allclose(matrix @ values, effects, atol=1e-9)
    return {
        (arm, name): (measures[name], value)
        for (arm, name), value in zip(keys, values, strict=True)
    }


def tables(claim, wanted, *, spread=1e-3, seeds=SEEDS, without=(), **known):
    """Returns runs, rows and metrics with those effects, at scale cpu.

    Args:
      claim: whose arms the contrasts are of.
      wanted: pairs of a contrast and its effect.
      spread: how much an arm differs from seed to seed.
      seeds: of every arm.
      without: arms that were not run.
      **known: columns of all runs.
    """
    rng = np.random.default_rng(0)
    runs, rows, metrics = {}, [], []
    for (arm, _), (measure, value) in solved(wanted).items():
        if arm in without:
            continue
        for seed in seeds:
            path = f"{arm}/{seed}"
            runs[path] = run(path, claim.overrides(arm, "cpu"), seed) | known
            noise = 0.0 if measure.exact else spread * rng.normal()
            raw = (value + noise - measure.offset) / measure.scale
            raw = 2.0**raw if measure.log2 else raw
            if measure.protocol == "training":
                metrics.append({"path": path, "split": "train", measure.measure: raw})
            else:
                rows.append(row(path, measure, raw))
    found = {"runs": list(runs.values()), "rows": rows, "metrics": metrics}
    return tuple(pd.DataFrame(found[one], columns=COLUMNS[one]) for one in COLUMNS)


def run(path, overrides, seed):
    """Returns the line of a run."""
    return {
        "path": path,
        "seed": seed,
        "overrides": [*overrides, f"seed={seed}"],
        "fingerprints": None,
        "rules": None,
        "dirty": False,
        "config": dict(compose(*overrides)) | {"seed": seed},
        "setting": "cpu/mnist",
    }


def row(path, measure, raw):
    return {
        "path": path,
        "split": "test",
        "protocol": measure.protocol,
        "measure": measure.measure,
        "params": dict(measure.params) | {"other": 1},
        "value": raw,
        "low": raw - 0.004,
        "high": raw + 0.002,
    }


def levels(claim, *effects):
    """Pairs each primary contrast with the effect of its level, in order."""
    effects = effects * len(claim.contrasts) if len(effects) == 1 else effects
    return [
        (one, effect)
        for given, effect in zip(claim.contrasts.values(), effects, strict=False)
        for one in given
    ]


def above(claim):
    """An effect that supports a claim."""
    return claim.threshold + claim.margin


def below(claim):
    """An effect that refutes it."""
    return claim.threshold - claim.margin


def on_disk(root, made):
    """Writes tables as run folders."""
    runs, rows, metrics = made
    for number, one in enumerate(runs.to_dict("records")):
        folder = root / f"run{number}"
        own = rows[rows["path"] == one["path"]].drop(columns="path")
        provenance = {
            "run": folder.name,
            "seed": one["seed"],
            "commit": "0" * 40,
            "dirty": False,
            "choices": {"setting": one["setting"]},
            "overrides": one["overrides"],
            "fingerprints": one["fingerprints"],
        }
        write_json(folder / "provenance.json", provenance)
        (folder / "config.yaml").write_text(yaml.safe_dump(one["config"]))
        kept = {"n": 10, "interval": "", "method": "", "run": ""}
        facts = kept | {"seed": one["seed"], "commit": ""}
        write_lines(
            folder / "eval" / "all.jsonl",
            [json.loads(json.dumps(line)) | facts for line in own.to_dict("records")],
        )
        trained = metrics[metrics["path"] == one["path"]].drop(columns="path")
        lines = [line | {"epoch": 1, "step": 1} for line in trained.to_dict("records")]
        write_lines(folder / "metrics.jsonl", lines)
        write_json(folder / "done.json", {"steps": 1})
    return root
