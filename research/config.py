"""The one place where a composed config becomes objects.

Only this file and `scripts/` know Hydra. Everything configurable is an injected
factory: `_target_` with `_partial_: true` in YAML is the only registry there is.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import cache, lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Unpack, get_args, get_origin, get_type_hints

import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, InstantiationException, MissingConfigException
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from research.errors import UserError, accepts, describe
from research.runs import identity
from research.runs.identity import HOW_TO_BUILD

CONF = Path(__file__).parent.parent / "conf"


def same_size(padding: str) -> str:
    """Padding that keeps the map's size: `reflect` in a `valid` network."""
    return "reflect" if padding == "valid" else padding


OmegaConf.register_new_resolver("same_size", same_size, replace=True)
OmegaConf.register_new_resolver("run_name", identity.run_name, replace=True)


def compose(*overrides: str, config: str = "train") -> DictConfig:
    """Composes a config as the scripts do, from Python.

    Args:
      *overrides: as on the command line: `model=resnet20`, `downsample.stride=3`.
      config: the primary config.

    Raises:
      UserError: an override names something that does not exist; the error names the
        nearest that does.
    """
    with explain_errors(config):
        return compose_plainly(config, overrides)


def compose_plainly(config: str, overrides: Sequence[str] = ()) -> DictConfig:
    """Composes a config with Hydra's own errors, a running Hydra being set aside."""
    running = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            return hydra.compose(config, overrides=list(overrides))
    finally:
        GlobalHydra.instance().clear()
        if running is not None:
            GlobalHydra.instance().initialize(running)


@cache
def compose_flat(*overrides: str) -> Mapping[str, Any]:
    """Composes a `train` config by dotted key, for the many arms of an experiment.

    As `compose`, but each YAML file is read once a process: .06 s in place of .11.
    """
    with explain_errors():
        cfg = _loader(str(CONF)).load_configuration(
            "train", list(overrides), RunMode.RUN, from_shell=False
        )
    with open_dict(cfg):
        del cfg["hydra"]
    return MappingProxyType(identity.flatten(cfg))


class _ReadOnce(ConfigRepository):
    """The files of `conf/`, each read once for all configs that are composed."""

    def __init__(self, path: ConfigSearchPath):
        super().__init__(path)
        self._read = cache(super().load_config)

    def __deepcopy__(self, memo: dict[int, Any]) -> _ReadOnce:
        return self

    def load_config(self, config_path: str) -> ConfigResult | None:
        return deepcopy(self._read(config_path))  # composing changes it


@cache
def _loader(conf: str) -> ConfigLoaderImpl:
    loader = ConfigLoaderImpl(create_config_search_path(conf))
    loader.repository = _ReadOnce(loader.config_search_path)
    return loader


@contextmanager
def explain_errors(config: str = "train") -> Iterator[None]:
    """Turns errors of Hydra and OmegaConf about a config into one line of our own.

    Args:
      config: the primary config, whose keys are offered in place of an unknown one.

    Raises:
      UserError: names the nearest option or key.
    """
    try:
        yield
    except MissingConfigException as error:
        wanted = str(error.missing_cfg_file or error).removesuffix(".yaml")
        group, _, option = wanted.rpartition("/")
        options = [o for o in error.options or [] if not o.startswith("base")]
        raise UserError(
            f"{group or 'config'}={option}: no such option{suggest(option, options)}"
        ) from None
    except (HydraException, OmegaConfBaseException) as error:
        if isinstance(error.__cause__, UserError):  # of a launcher or a sweeper
            raise error.__cause__ from None
        text = str(error)
        key = re.search(r"Could not override '([^']+)'", text)
        if key is None:
            override = getattr(error, "override", None)
            place = f"{override}: " if override else ""
            raise UserError(place + text.split("\n")[0]) from None
        known = list(identity.flatten(compose_plainly(config)))
        raise UserError(
            f"{key[1]}: no such key{suggest(key[1], known)}; +{key[1]}=… would add it"
        ) from None


def suggest(word: str, known: list[str]) -> str:
    """Returns ' (did you mean …?)' with the words closest to `word`, or all of few."""
    close = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    if close:
        return f" (did you mean {', '.join(close)}?)"
    return f" (there are {', '.join(known)})" if 0 < len(known) <= 40 else ""


def build(node: DictConfig, **kwargs: Any) -> Any:
    """Instantiates a config node; a `UserError` within it is raised as it is.

    Raises:
      UserError: a value is not of the type that its parameter has.
    """
    check_values(node)
    try:
        return instantiate(node, **kwargs)
    except InstantiationException as error:
        if isinstance(error.__cause__, UserError):
            raise error.__cause__ from None
        raise


def check_values(node: DictConfig, target: Callable[..., Any] | None = None) -> None:
    """Compares the values of a node, and of those below, with their parameters' types.

    Args:
      node: with a `_target_`, whose annotations are the types, or without one.
      target: in place of its `_target_`.

    Raises:
      UserError: names the key, its value, and what the parameter takes.
    """
    name = node.get("_target_")
    if name is not None and not str(name).startswith("hydra."):
        target = hydra.utils.get_object(str(name))
    hints = parameters(target) if target is not None else {}
    takes_any = target is None or takes_keywords(target)
    for key in node:
        if not (takes_any or key in hints or key in ("_target_", *HOW_TO_BUILD)):
            full = node._get_full_key(key)
            raise UserError(f"{full}: no such key{suggest(str(key), list(hints))}")
        if OmegaConf.is_missing(node, key):
            continue
        value = node[key]
        if OmegaConf.is_dict(value):
            check_values(value)
            continue
        if OmegaConf.is_list(value):
            value = OmegaConf.to_container(value, resolve=True)
        if key in hints and not accepts(hints[key], value):
            raise UserError(
                f"{node._get_full_key(key)}={value}: takes {describe(hints[key])}"
            )


def takes_keywords(target: Callable[..., Any]) -> bool:
    """Whether a function or class takes keywords that its signature does not name."""
    kinds = {one.kind for one in inspect.signature(target).parameters.values()}
    return inspect.Parameter.VAR_KEYWORD in kinds


@lru_cache(maxsize=256)
def parameters(target: Callable[..., Any]) -> dict[str, Any]:
    """Returns the types of the parameters of a function or class, by name."""
    while isinstance(target, partial):
        target = target.func
    if isinstance(target, type):
        target = inspect.getattr_static(target, "__init__")
    hints = {k: v for k, v in get_type_hints(target).items() if k != "return"}
    for hint in list(hints.values()):
        if get_origin(hint) is Unpack:  # of keywords that a TypedDict lists
            hints |= get_type_hints(get_args(hint)[0])
    return hints


def build_shared(node: DictConfig) -> Any:
    """Builds a pure function; equal nodes share one object.

    So the programs that JAX has compiled for one job of a process serve the next.
    """
    return _shared(str(node._key()), OmegaConf.to_yaml(node, resolve=True))


@lru_cache(maxsize=256)
def _shared(key: str, node: str) -> Any:
    return build(OmegaConf.create({key: OmegaConf.create(node)})[key])


def downsample(
    cfg: DictConfig, features: int, *, rngs: Any, stride: int | None = None
) -> Any:
    """Builds the configured downsampler for maps of `features` channels.

    Args:
      cfg: a `train` config.
      features: channels of the map.
      rngs: of NNX.
      stride: None for `downsample.stride`.
    """
    given = {} if stride is None else {"stride": stride}
    return build(cfg.downsample)(features, rngs=rngs, **given)


def network(cfg: DictConfig, *, rngs: Any) -> Any:
    """Builds the configured network for the images of the configured data."""
    return build_shared(cfg.model)(
        tuple(cfg.data.shape),
        cfg.data.classes,
        downsample=build(cfg.downsample),
        mean=tuple(cfg.data.mean),
        std=tuple(cfg.data.std),
        rngs=rngs,
    )


def data(cfg: DictConfig) -> Any:
    """Loads the configured data set."""
    return build(cfg.data)


def task(cfg: DictConfig) -> Any:
    """Returns the configured task; equal nodes share one, see `build_shared`."""
    return build_shared(cfg.task)


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
            raise UserError(
                f"eval.{name}={node}: takes keys of its own, or ~eval.{name}"
            )
    return {name: build(node) for name, node in cfg.eval.items() if "_target_" in node}
