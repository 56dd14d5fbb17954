"""Tables of runs that were never made, whose contrasts are what a test wants."""

import json

import numpy as np
import pandas as pd
import yaml

from research.claims.claim import Claim
from research.claims.pool import Tables, gather
from research.files.atomic import write_json
from research.files.lines import write_lines

SEEDS = range(10)
TRAINED = {"data.name": "mnist", "data.train_examples": 10, "train.epochs": 1}
RUNS = ["path", "run", "seed", "overrides", "fingerprints", "dirty", "config"]
RUNS += ["setting"]
ROWS = ["path", "split", "protocol", "measure", "params", "value", "low", "high"]
METRICS = ["path", "split", "epoch", "accuracy"]
KEPT = ["path", "seed", "split", "protocol", "params", "measure", "name", "array"]
IMAGES, PAIRS, DRAWS = 400, 8, 2


def compose(*overrides):
    """Stands in for Hydra: a config that is another for other overrides."""
    words = " ".join(sorted(one for one in overrides if not one.startswith("seed=")))
    return TRAINED | {"model.words": words, "seeds": len(SEEDS)}


def claim(questions, arms="ab", **given):
    """Returns a claim about arms of one letter each."""
    return Claim(
        **{
            "sentence": "a is more than b",
            "design": "Two networks.",
            "setting": "mnist",
            "arms": {arm: (f"model={arm}",) for arm in arms},
            "questions": questions,
        }
        | given
    )


class Made:
    """Runs, rows and arrays of arms, at scale cpu.

    Args:
      claim: whose arms they are.
    """

    def __init__(self, claim):
        self.claim = claim
        self.runs, self.rows, self.metrics, self.kept = {}, [], [], []

    def run(self, arm, seed, **known):
        """Adds a run, once; returns its path."""
        path = f"{arm}/{seed}"
        overrides = self.claim.overrides(arm, "cpu")
        config = dict(compose(*overrides)) | {"seed": seed}
        line = dict.fromkeys(RUNS) | {
            "path": path,
            "run": path.replace("/", ","),
            "seed": seed,
            "overrides": [*overrides, f"seed={seed}"],
            "dirty": False,
            "config": config,
            "setting": "cpu/mnist",
        }
        self.runs.setdefault(path, line | known)
        return path

    def row(self, arm, seed, measure, value, low=None, high=None):
        """Adds or replaces the row of a measure; its value is in the measure's unit."""
        ends = [value, value if low is None else low, value if high is None else high]
        raw = [(one - measure.offset) / measure.scale for one in ends]
        raw = [2.0**one if measure.log2 else one for one in raw]
        line = {
            "path": self.run(arm, seed),
            "split": "test",
            "protocol": measure.protocol,
            "measure": measure.measure,
            "params": dict(measure.params) | {"other": 1},
        }
        self.rows = [one for one in self.rows if not line.items() <= one.items()]
        self.rows.append(line | dict(zip(("value", "low", "high"), raw, strict=True)))

    def values(self, arm, measure, mean, spread=0.1, seeds=SEEDS, rng=None):
        """Adds the rows of an arm, which differ from seed to seed."""
        rng = rng or np.random.default_rng(len(self.rows))
        noise = rng.normal(size=len(seeds))
        noise = (noise - noise.mean()) / (noise.std(ddof=1) or 1)
        for seed, one in zip(seeds, noise, strict=True):
            self.row(arm, seed, measure, mean + spread * one)

    def flips(self, arm, shift, rate, seeds=SEEDS, wrong=0.1):
        """Adds what `eval=stability` keeps: flips at some rate, a tenth wrong."""
        for seed in seeds:
            rng = np.random.default_rng([*map(ord, arm + shift), seed])
            labels = np.arange(IMAGES, dtype=np.uint8) % 10
            missed = rng.random(IMAGES) < wrong
            flips = rng.binomial(DRAWS, rate, (IMAGES, PAIRS // DRAWS)).astype("u1")
            arrays = {
                "flips": flips,
                "predictions": (labels + missed).astype("u1"),
                "labels": labels,
            }
            path = self.run(arm, seed)
            params = {"shift": shift, "max_shift": 4, "draws": DRAWS}
            for name, array in arrays.items():
                line = [path, seed, "test", "stability", params, "flip_rate"]
                values = [*line, name, array]
                self.kept.append(dict(zip(KEPT, values, strict=True)))

    def tables(self, times=None):
        """Returns what was added, as `research.runs` reads it."""
        kept = pd.DataFrame(self.kept, columns=KEPT)
        return Tables(
            pd.DataFrame([*self.runs.values()], columns=RUNS),
            pd.DataFrame(self.rows, columns=ROWS),
            pd.DataFrame(self.metrics, columns=METRICS),
            lambda: kept,
            times,
        )

    def pool(self, times=None):
        """Returns the pool of what was added."""
        return gather(self.tables(times), compose=compose)

    def on_disk(self, root):
        """Writes what was added as run folders."""
        for number, (path, one) in enumerate(self.runs.items()):
            folder = root / f"{root.name}-{number}"
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
            facts = {"n": 10, "interval": "", "method": "", "run": folder.name}
            facts |= {"seed": one["seed"], "commit": ""}
            own = [line for line in self.rows if line["path"] == path]
            rows = [{k: v for k, v in line.items() if k != "path"} for line in own]
            lines = [json.loads(json.dumps(line)) | facts for line in rows]
            write_lines(folder / "eval" / "all.jsonl", lines)
            self._write_flips(folder, path, facts)
            write_lines(folder / "metrics.jsonl", [])
            write_json(folder / "done.json", {"steps": 1})
        return root

    def _write_flips(self, folder, path, facts):
        own = [one for one in self.kept if one["path"] == path]
        if not own:
            return
        arrays, rows = {}, {}
        for one in own:
            given = ",".join(f"{k}={v}" for k, v in sorted(one["params"].items()))
            arrays[f"stability,{given}/flip_rate/{one['name']}"] = one["array"]
            rows[given] = facts | {
                "split": "test",
                "protocol": "stability",
                "params": one["params"],
                "measure": "flip_rate",
                "value": 0.0,
                "low": None,
                "high": None,
            }
        np.savez(folder / "eval" / "stability.npz", **arrays)
        write_lines(folder / "eval" / "stability.jsonl", [*rows.values()])
