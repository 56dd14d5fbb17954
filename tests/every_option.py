"""Configs that choose each option of each group, for tests of all of them."""

from functools import cache

from omegaconf import OmegaConf

from research.config import CONF
from research.config.composing import compose, options_of

GIVEN = ["data.name=any", "data.shape=[8,8,1]", "data.classes=2"]
SEVERAL = ("eval", "figure", "table")  # groups of which a config has several options
REPORT = ("figure", "table", "page")
EVALUATED = ("wrap", "replace", "study")  # what only evaluations choose
GROUPS = sorted(
    str(path.relative_to(CONF))
    for path in CONF.rglob("*")
    if path.is_dir() and path.relative_to(CONF).parts[0] not in ("setting", "hydra")
)


def compose_option(group, option):
    """Returns the name of a primary config, and that config with an option."""
    config = "report" if group in REPORT else "train"
    config = "eval" if group in EVALUATED else config
    given = [] if config == "report" else GIVEN
    word = f"{group}=[{option}]" if group in SEVERAL else f"{group}={option}"
    return config, compose(*owner_of(group), word, *given, config=config)


@cache
def owner_of(group):
    """Returns what chooses an option that has a group of its own: `model/block`."""
    parent, _, part = group.rpartition("/")
    for option in options_of(parent) if parent else []:
        defaults = OmegaConf.load(CONF / parent / f"{option}.yaml").get("defaults", [])
        if any(part in default for default in defaults):
            return [f"{parent}={option}"]
    return []
