"""Configs that choose each option of each group, for tests of all of them."""

from collections import defaultdict
from functools import cache
from itertools import zip_longest

from omegaconf import OmegaConf

from research.config import CONF
from research.config.composing import compose, options_of

GIVEN = ["data.name=any", "data.shape=[8,8,1]", "data.classes=2"]
SEVERAL = ("eval", "figure", "table")  # groups of which a config has several options
REPORT = ("figure", "table", "page")
EVALUATED = ("wrap", "replace", "study")  # what only evaluations choose
CHOOSE = ("experiment", "study")  # which choose the options of other groups
GROUPS = sorted(
    str(path.relative_to(CONF))
    for path in CONF.rglob("*")
    if path.is_dir() and path.relative_to(CONF).parts[0] not in ("setting", "hydra")
)


def compose_option(group, option):
    """Returns the name of a primary config, and that config with an option."""
    word = f"{group}=[{option}]" if group in SEVERAL else f"{group}={option}"
    return compose_words(primary_of(group), *owner_of(group), word)


def compose_together(groups=GROUPS):
    """Yields names of primary configs, and these with all options of some groups.

    Each config has an option of several groups, and all options of a group of which it
    may have several: composing takes the time.
    """
    beside = defaultdict(list)
    for group in groups:
        alone = [group] if group in CHOOSE else []
        beside[(primary_of(group), *owner_of(group)), *alone].append(words_of(group))
    for ((config, *owner), *_), words in beside.items():
        for chosen in zip_longest(*words):
            yield compose_words(config, *owner, *filter(None, chosen))


def compose_words(config, *words):
    given = [] if config == "report" else GIVEN
    return config, compose(*words, *given, config=config)


def words_of(group):
    """Returns the words that together choose all options of a group."""
    options = options_of(group)
    if group in SEVERAL:
        return [f"{group}=[{','.join(options)}]"]
    return [f"{group}={option}" for option in options]


def primary_of(group):
    """Returns the primary config that has a group."""
    if group in REPORT:
        return "report"
    return "eval" if group in EVALUATED else "train"


@cache
def owner_of(group):
    """Returns what chooses an option that has a group of its own: `model/block`."""
    parent, _, part = group.rpartition("/")
    for option in options_of(parent) if parent else []:
        defaults = OmegaConf.load(CONF / parent / f"{option}.yaml").get("defaults", [])
        if any(part in default for default in defaults):
            return [f"{parent}={option}"]
    return []
