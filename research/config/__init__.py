"""The one place where a composed config becomes objects.

Only this package and `scripts/` know Hydra. Everything configurable is an injected
factory: `_target_` with `_partial_: true` in YAML is the only registry there is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from research.config.checking import check_config
from research.config.composing import CONF, compose, compose_flat, explain_errors
from research.config.parameters import parameters
from research.config.values import check_values
from research.errors import UserError

__all__ = [
    "CONF",
    "build",
    "build_shared",
    "check_config",
    "check_values",
    "compose",
    "compose_flat",
    "data",
    "downsample",
    "evals",
    "explain_errors",
    "network",
    "optimizer",
    "replacement",
    "statistics",
    "task",
    "wrapper",
]


def build(node: DictConfig, **kwargs: Any) -> Any:
    """Instantiates a config node; whatever is raised within it is raised as it is.

    Raises:
      UserError: a value is not of the type that its parameter has.
    """
    check_values(node, besides=kwargs)
    try:
        return instantiate(node, **kwargs)
    except InstantiationException as error:
        if (
            error.__cause__ is not None
        ):  # a mistake keeps its words, a bug its traceback
            raise error.__cause__ from None
        raise


def build_shared(node: DictConfig) -> Any:
    """Builds a pure function; equal nodes share one object.

    So the programs that JAX has compiled for one job of a process serve the next.
    """
    return _shared(str(node._key()), OmegaConf.to_yaml(node, resolve=True))


@lru_cache(maxsize=256)
def _shared(key: str, node: str) -> Any:
    return build(OmegaConf.create({key: OmegaConf.create(node)})[key])


def downsample(
    cfg: DictConfig,
    features: int,
    *,
    rngs: Any,
    stride: int | Sequence[int] | None = None,
) -> Any:
    """Builds the configured downsampler for maps of `features` channels.

    Args:
      cfg: a `train` config.
      features: channels of the map.
      rngs: of NNX.
      stride: s, or (s_h, s_w); None for `downsample.stride`.
    """
    given = {} if stride is None else {"stride": stride}
    return build(cfg.downsample)(features, rngs=rngs, **given)


def network(cfg: DictConfig, *, rngs: Any) -> Any:
    """Builds the configured network for the images of the configured data.

    It has an output for each class of the data, or as many as the task says.

    Raises:
      UserError: a part does not fit; or data.mean or data.std is null, and the data
        set, with which they are recorded, is not prepared.
    """
    classes = OmegaConf.select(cfg, "task.outputs") or cfg.data.classes
    if classes is None:
        raise UserError(
            f"data.classes=null: {cfg.data.name} has no labels, and a network of ours "
            "takes the number of its classes: evaluate a model, predict=…, or set "
            "data.classes=N"
        )
    factory = build_shared(cfg.model)
    parts = {"downsample": build(cfg.downsample)}
    if "upsample" in cfg:
        if "upsample" not in parameters(factory):
            raise UserError(
                "upsample: this model goes down only; leave upsample out, or use "
                "model=unet|segnet|fcn"
            )
        parts["upsample"] = build(cfg.upsample)
    return factory(
        tuple(cfg.data.shape),
        classes,
        **parts,
        **statistics(cfg),
        rngs=rngs,
    )


def statistics(cfg: DictConfig) -> dict[str, tuple[float, ...]]:
    """Returns the `mean` and `std` by which images are standardised.

    Those of the config, or what is recorded with the prepared data where it has null.
    """
    known = cfg.data if None not in (cfg.data.mean, cfg.data.std) else data(cfg)
    return {"mean": tuple(map(float, known.mean)), "std": tuple(map(float, known.std))}


def data(cfg: DictConfig) -> Any:
    """Loads the configured data set."""
    return build(cfg.data)


def task(cfg: DictConfig) -> Any:
    """Returns the configured task; equal nodes share one, see `build_shared`."""
    return build_shared(cfg.task)


def wrapper(cfg: DictConfig) -> Any | None:
    """Returns the configured wrapper of classifiers; None: they are taken as they are.

    Args:
      cfg: an `eval` config.
    """
    return build(cfg.wrap) if cfg.wrap else None


def replacement(cfg: DictConfig) -> Any | None:
    """Returns what replaces operators of a PyTorch network; None: nothing.

    Args:
      cfg: an `eval` config.
    """
    return build(cfg.replace) if cfg.replace else None


def optimizer(cfg: DictConfig) -> Callable[..., Any]:
    """Returns the factory `optimizer(steps_per_epoch=…, epochs=…)` of the chain."""
    return partial(_chain, build_shared(cfg.optim))


@lru_cache(maxsize=256)
def _chain(factory: Callable[..., Any], **length: int) -> Any:
    return factory(**length)


def evals(cfg: DictConfig) -> dict[str, Any]:
    """Returns the configured evaluators by name.

    A setting's parameters for evaluators that are not chosen are ignored.
    """
    for name, node in cfg.eval.items():
        if not OmegaConf.is_dict(node):
            shown = "null" if node is None else node
            raise UserError(
                f"eval.{name}={shown}: takes keys of its own, or ~eval.{name}"
            )
    return {name: build(node) for name, node in cfg.eval.items() if "_target_" in node}
