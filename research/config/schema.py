"""The keys of whole configs, whose values go to no object: their types and ranges.

A class here is one of the primary configs in `conf/`, and has its name. The values of a
group go to the object that its `_target_` names; `Keys` names those that a mapping
without one goes to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypedDict

from research.config.parameters import Keys
from research.ranges import Count, Natural, Seed

Built = Callable[..., Any]  # what the `_target_` of an option is, which has its keys
Builts = Mapping[str, Any]  # several options of a group
Split = Literal["train", "validation", "test"]
Arithmetic = Literal["float32", "tf32", "bfloat16"]


class GoingUp(TypedDict, total=False):
    """What only networks have that go up again."""

    upsample: Built


class Train(GoingUp):
    """`conf/train.yaml`."""

    data: Built
    downsample: Built
    loss: Built
    task: Built
    optim: Built
    augment: Built
    averaging: Built
    logger: Built
    model: Built
    eval: Builts
    seed: Seed
    train: Annotated[dict[str, Any], Keys("research.training.settings.Training")]
    precision: Annotated[dict[str, Any], Keys("research.nn.precision.Precision")]
    deterministic: bool
    distributed: Annotated[dict[str, Any], Keys("research.distributed.hosts.join")]
    split: Split
    profile: str | None
    objective: str | None
    seeds: Count | None
    tuning: Annotated[dict[str, Any], Keys("research.claims.tuning.Tuning")]
    claims: Mapping[str, str]
    retry: Literal["all", "failed", "none"]
    store: str | None
    root: str
    name: str


class Eval(Train):
    """`conf/eval.yaml`."""

    run_dir: str | None
    checkpoint: Literal["last", "best"]
    predict: str | None
    adapter: Annotated[dict[str, Any], Keys("research.adapters.engine.options.Options")]
    wrap: Built
    replace: Built


class Photos(Eval):
    """`conf/photos.yaml`."""

    figure: Builts
    table: Builts
    page: Builts


class Report(TypedDict):
    """`conf/report.yaml`."""

    figure: Builts
    table: Builts
    page: Builts
    style: Literal["screen", "paper"]
    runs: str
    out: str | None
    done_only: bool


class Pack(TypedDict):
    """`conf/pack.yaml`."""

    runs: str
    out: str | None
    arrays: Sequence[str]


class Prepare(TypedDict):
    """`conf/prepare.yaml`."""

    data: Built


class Padded(TypedDict):
    """`model` in `conf/gallery.yaml`: what its presets refer to."""

    padding: Literal["valid", "zero", "reflect", "circular"]


class Gallery(TypedDict):
    """`conf/gallery.yaml`."""

    data: Built
    split: Split
    example: Natural
    seed: Seed
    columns: Count
    root: str
    out: str
    model: Annotated[dict[str, Any], Keys("research.config.schema.Padded")]
    presets: Builts


class Benchmark(TypedDict):
    """`conf/benchmark.yaml`."""

    which: Sequence[str]
    rounds: Count
    peers: bool
    arithmetic: Sequence[Arithmetic]
    compile: Literal["default", "reduce-overhead", "max-autotune"] | None
    root: str
    name: str
    benchmarks: Builts


SCHEMAS = {
    one.__name__.lower(): one
    for one in (Train, Eval, Photos, Report, Pack, Prepare, Gallery, Benchmark)
}
