"""What changes if a key of a config does: one table of the classes of keys."""

from __future__ import annotations

import enum


class Kind(enum.Enum):
    """What changes if a key does."""

    SCIENCE = "the trained weights"
    MEASUREMENT = "rows, not weights"
    RESOURCE = "nothing but time"
    PLACE = "where it lies"
    REQUEST = "which jobs run"


# A key belongs to the longest entry that is its beginning.
TABLE = {
    "model": Kind.SCIENCE,
    "downsample": Kind.SCIENCE,
    "upsample": Kind.SCIENCE,
    "data": Kind.SCIENCE,
    "optim": Kind.SCIENCE,
    "augment": Kind.SCIENCE,
    "averaging": Kind.SCIENCE,
    "loss": Kind.SCIENCE,
    "task": Kind.SCIENCE,
    "seed": Kind.SCIENCE,
    "train": Kind.SCIENCE,
    "precision": Kind.SCIENCE,
    "precision.eval": Kind.MEASUREMENT,
    "deterministic": Kind.SCIENCE,
    "predict": Kind.SCIENCE,  # somebody else's classifier, in place of all of these
    "adapter": Kind.SCIENCE,  # how it is loaded
    "adapter.device": Kind.RESOURCE,
    "adapter.python": Kind.PLACE,
    "wrap": Kind.MEASUREMENT,  # see `MENDING`
    "replace": Kind.MEASUREMENT,
    "checkpoint": Kind.MEASUREMENT,
    "eval": Kind.MEASUREMENT,
    "split": Kind.MEASUREMENT,
    "data.test_split": Kind.MEASUREMENT,
    "data.test_examples": Kind.MEASUREMENT,
    "data._target_": Kind.RESOURCE,  # how examples are kept and read
    "data.builder._target_": Kind.RESOURCE,  # name and version say what they are
    "data.builder.url": Kind.RESOURCE,
    "data.embedded": Kind.RESOURCE,  # of the first edition
    "data.verify": Kind.RESOURCE,
    "data.stream.threads": Kind.RESOURCE,
    "data.stream.workers": Kind.RESOURCE,
    "train.checkpoint_seconds": Kind.RESOURCE,
    "train.sync_steps": Kind.RESOURCE,
    "train.device_bytes": Kind.RESOURCE,
    "train.shard_state": Kind.RESOURCE,
    "train.steps_per_dispatch": Kind.RESOURCE,
    "train.keep_best": Kind.RESOURCE,  # another checkpoint, not other weights
    "train.compile_only": Kind.REQUEST,
    "profile": Kind.RESOURCE,
    "distributed": Kind.RESOURCE,
    "logger": Kind.RESOURCE,
    "hydra": Kind.RESOURCE,
    "hydra.mode": Kind.REQUEST,
    "hydra.launcher": Kind.REQUEST,
    "hydra.run": Kind.REQUEST,
    "hydra.sweep": Kind.REQUEST,
    "hydra.sweeper": Kind.REQUEST,
    "root": Kind.PLACE,
    "name": Kind.PLACE,
    "store": Kind.PLACE,
    "run_dir": Kind.PLACE,
    "data.dir": Kind.PLACE,
    "data.manual_dir": Kind.PLACE,
    "data.masks": Kind.PLACE,
    "data.overrides": Kind.PLACE,  # of the first edition: what selects it
    "figure": Kind.REQUEST,  # what is made of rows
    "table": Kind.REQUEST,
    "page": Kind.REQUEST,
    "retry": Kind.REQUEST,
    "objective": Kind.REQUEST,
    "claims": Kind.REQUEST,
    "seeds": Kind.REQUEST,
    "only": Kind.REQUEST,
    "scale": Kind.REQUEST,
    "tune": Kind.REQUEST,
    "tuning": Kind.REQUEST,
}
# What is put around a network or into it when it is evaluated, or which of its steps it
# is of: it makes other rows.
MENDING = ("wrap", "replace", "checkpoint")
# What a config says twice, by interpolation: copy → original.
COPIES = {"task.minimise": "loss", "task.outputs": "data.mask_classes"}
# What may follow another key, and is then no other arm for another value of that.
FOLLOWERS = {"data.subset": "seed"}
COPIED = ("data", "task")  # the same, below an evaluator
NESTED = {"data": "data", "task": "task", "canvas": "data"}  # there → what it is

# Keys of evaluators that change nothing but time → their value in any digest.
EVALUATOR_RESOURCES = {"memory": 512}


class Unclassified(KeyError):
    """A key that `TABLE` does not name: a line is missing there."""


def classify(key: str) -> Kind:
    """Returns what changes if a dotted key does.

    Below an evaluator, copies of other groups keep the class that they have there:
    `eval.fit.data.dir` is a place.

    Raises:
      Unclassified: no entry of `TABLE` is a beginning of the key.
    """
    if key.startswith("eval."):
        below = key.split(".", 2)[2:]
        if below and below[0] in EVALUATOR_RESOURCES:
            return Kind.RESOURCE
        inner = classify(nested) if (nested := nested_key(key)) else Kind.MEASUREMENT
        return Kind.MEASUREMENT if inner == Kind.SCIENCE else inner
    parts = key.split(".")
    for length in range(len(parts), 0, -1):
        if (beginning := ".".join(parts[:length])) in TABLE:
            return TABLE[beginning]
    raise Unclassified(key)


def nested_key(key: str) -> str | None:
    """Returns what a key below an evaluator is of another group; None: it is its own.

    `eval.window.canvas.dir` is `data.dir`.
    """
    group, *rest = key.split(".")[2:] or [""]
    return ".".join([NESTED[group], *rest]) if group in NESTED else None


def mends(key: str) -> bool:
    """Whether a dotted key says what is put around a network or into it."""
    return key.partition(".")[0] in MENDING


def decides(key: str) -> bool:
    """Whether a dotted key decides the weights; one in no class may, and counts."""
    try:
        return classify(key) is Kind.SCIENCE
    except Unclassified:
        return True
