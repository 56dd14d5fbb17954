"""Runs of small real networks, a plane of invented ones, and verdicts: for a page."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
from fake_runs import fake_run
from flax import nnx

from research.claims.rule import DIFFERENCE
from research.claims.verdict import Answer, Case, Verdict
from research.data.split import Split
from research.downsample import Downsample, keep
from research.downsample.reduce import Max
from research.downsample.sample import Energy
from research.evals.explorer import Explorer
from research.models.convnet import chollet
from research.models.readout import Head, flatten, mean
from research.report.figures import style
from research.report.page import write
from research.report.page.render import ENVIRONMENT
from research.report.page.verdicts import describe_verdict
from research.report.results import Results
from research.runs.rows import write_measurements

SHAPE = (14, 16, 1)
# Smooth blobs, each class in a place of its own, so that there is something to see.
Y, X = np.mgrid[:14, :16]
CENTRES = [(4, 5), (9, 5), (5, 11), (9, 10)]
IMAGES = np.stack([np.exp(-((Y - y) ** 2 + (X - x) ** 2) / 8) for y, x in CENTRES])
SPLIT = Split.labelled((255 * IMAGES[..., None]).astype("u1"), np.arange(4, dtype="i4"))

flat, gap = partial(Head, pool=flatten), partial(Head, pool=mean)
pooled = partial(Downsample, reduce=Max)
NETWORKS = {  # preset: downsampler, head, padding
    "none": (keep, flat, "valid"),
    "max": (pooled, flat, "valid"),
    "decimate": (Downsample, gap, "circular"),
    "aps": (partial(Downsample, sample=Energy), gap, "circular"),
}
PLANE = list(product(("identity", "max"), ("none", "binomial"), ("first", "energy")))


def network(downsample, head, padding):
    return chollet(
        SHAPE,
        4,
        downsample=downsample,
        head=head,
        padding=padding,
        widths=(6, 6),
        poolings=2 if padding == "circular" else 1,
        mean=0.2,
        std=0.3,
        rngs=nnx.Rngs(3),
    )


def explored_runs(root, predict=None):
    """Writes a run for each network with what `eval=explorer` measures of it."""
    for preset, parts in NETWORKS.items():
        explored_run(root, preset, parts, predict)
    return root


def explored_run(root, preset, parts, predict=None, **choices):
    """Writes a run with what `eval=explorer` measures of a network, or of `predict`."""
    name = ",".join(["explored", preset, *choices.values()]).replace("/", ".")
    skill = (0.9, 0.9, 0.03)
    folder = fake_run(root, name, skill=skill, preset=preset, choices=choices)
    provenance = {"run": folder.name, "seed": 0, "commit": "0" * 40}
    found = Explorer(grid=3)(predict or network(*parts), SPLIT)
    write_measurements(folder, "explorer", found, provenance, "test")


def plane_run(root, reduce, lowpass, sample, *, seed=0, config=None, near=None):
    """Writes a run of one cell of the plane: agreement rises with the lowpass."""
    near = near or 0.7 + 0.1 * (lowpass != "none") + 0.15 * (sample == "energy")
    choices = {"downsample/reduce": reduce, "downsample/lowpass": lowpass}
    return fake_run(
        root,
        f"plane,{reduce},{lowpass},{sample},{seed}",
        seed=seed,
        epochs=1,
        choices=choices | {"downsample/sample": sample, "downsample": "max"},
        config=config,
        skill=(0.9, near, 0.01),
    )


def case(name="", effect=2.25, low=1.5, high=3.0, **given):
    """Returns a case with rows of five seeds."""
    known = {"sd": 0.6, "n": 5, "interval": "paired t over 5 seeds"}
    return Case(name, effect, low, high, **{**known, "outcome": "superior"} | given)


def answer(verdict="supported", *cases, **given):
    """Returns the answer to a question in percentage points, against half of one."""
    known = {
        "key": "",
        "asks": "max − none: agreement",
        "verdict": verdict,
        "cases": cases or (case(),),
        "margin": 0.5,
        "rule": DIFFERENCE.text,
        "unit": "percentage points",
        "p": 0.0004,
        "adjusted": 0.006,
    }
    return Answer(**known | given)


def verdict(id="C1", *answers, **given):
    return Verdict(
        **{
            "id": id,
            "sentence": "pooling reduces dimensions & parameters",
            "design": "Two networks.",
            "answers": answers or (answer(),),
            "remarks": ("2 of 5 seeds are missing",),
            "limits": "One network.",
            "details": ({"arm": "max", "agreement": 0.93, "seeds": 5},),
            "figures": ("all", "tradeoff"),
            "command": "python scripts/train.py -m experiment=c1",
            "fingerprint": "ab" * 32,
        }
        | given
    )


UNKNOWN = case("", None, None, None, n=0, interval="none", outcome="undetermined")
VERDICTS = [
    verdict("C1"),
    verdict("C2", answer("depends: head", case("", -1.0, -3.0, 1.0))),
    verdict("C10", answer("not run", UNKNOWN, p=None), figures=("all",)),
    verdict("B1", answer("refuted", case("", 0.0, -0.1, 0.1)), command=""),
]


@dataclass(frozen=True, eq=False)
class Judged(Results):
    """Results with verdicts of our own."""

    given: Sequence[Verdict] = ()

    @property
    def verdicts(self):
        return list(self.given)


def made(root, out, verdicts=(), **options):
    """Writes the page of all runs below `root` into `out`."""
    found = Results.read(root)
    results = Judged(found.runs, found.rows, found.metrics, given=verdicts)
    return write(results, out=out / "page.html", **options)


def article(verdict, figures=None):
    """Returns the HTML of one verdict."""
    layout = ENVIRONMENT.get_template("verdicts.html").module
    return str(layout.article(describe_verdict(verdict, figures or {})))


def unpacked(one):
    """Reads a packed array, as `assets/pack.js` does."""
    raw = np.frombuffer(base64.b64decode(one["data"]), np.uint8)
    if one["type"] == "bits":
        raw = np.unpackbits(raw, count=int(np.prod(one["shape"]))).astype(bool)
    return (raw.view("<u2") if one["type"] == "u2" else raw).reshape(one["shape"])


def figure(folder, name="tradeoff"):
    """Saves a small picture where the page looks for it."""
    drawn, axes = style.create_axes("one", 1.5)
    axes.plot([0, 1], [0, 1])
    style.save(drawn, folder / name)
