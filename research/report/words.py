"""Arms in words, for readers who do not know the names of options.

Figures, the page and the documents take their words from here, so that one arm has one
name everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from research.claims.arms import WORDS as OF_CLAIMS

# Of presets of `downsample=`, as claims name them, and further ones. One that is
# missing here goes by its own name.
WORDS = OF_CLAIMS | {
    "space_to_depth": "space to depth",
    "random_phase": "random phase",
    "max": "max pooling",
    "max3": "3×3 max pooling",
    "soft": "soft pooling",
    "mixed": "mixed pooling",
    "stochastic": "stochastic pooling",
    "average": "average pooling",
    "median": "median pooling",
    "lp": "L2 pooling",
    "strided_blur": "strided convolution and blur",
    "blur": "blur",
    "asap": "frequency low cut (ASAP)",
    "tips": "learned mix of phases (TIPS)",
    "lps": "learned phase",
    "blur_lps": "blur and learned phase",
}
# Of these, those that stand alone in a sentence: not in "two max poolings", "max and
# blur" or "strided convolution", which are words already.
NAMES = re.compile(
    rf"(?<![\w=-])({'|'.join(map(re.escape, WORDS))})(?![\w-]| pool| and | convolution)"
)
LETTERS = 3  # of keys of questions that are no words, such as `a` and `C3a`
PARTS = re.compile(r"\b(reduce|lowpass|sample)\b")  # whose options are no presets
OPTIONS = {"head=gap": "global pooling", "head=flatten": "flattened"}


def name_arms(runs: pd.DataFrame) -> dict[str, str]:
    """Returns each arm's label in words.

    `max_aps, head=gap` is `max and adaptive phase, global pooling`. Where
    words would not tell two arms apart the labels stay as they are.

    Args:
      runs: with `arm`, and `downsample` where that is a choice.
    """
    each = runs.drop_duplicates("arm")
    presets = each["downsample"] if "downsample" in each else each["arm"]
    names = {
        str(arm): name_arm(str(arm), preset)
        for arm, preset in zip(each["arm"], presets, strict=True)
    }
    told_apart = len(set(names.values())) == len(names)
    return names if told_apart else {arm: arm for arm in names}


def name_arm(arm: str, preset: object, words: Mapping[str, str] = WORDS) -> str:
    """Returns the label of an arm in words.

    Args:
      arm: the label, parts between commas.
      preset: of its downsampler; a part that is it has its words, if it is one alone.
      words: of presets.
    """
    parts = arm.split(", ")
    alone = parts.count(str(preset)) == 1
    named = [
        words.get(part, part.replace("_", " "))
        if alone and part == preset
        else OPTIONS.get(part) or name_option(part)
        for part in parts
    ]
    return ", ".join(named)


def spell_arms(text: str) -> str:
    """Returns a text in which presets of downsamplers are words.

    A text about the parts of downsamplers stays as it is: their options have the same
    names, but `none` of a lowpass is not `no downsampling`.

    >>> spell_arms("accuracy, max less none, 300 images")
    'accuracy, max pooling less no downsampling, 300 images'
    """
    if PARTS.search(text):
        return text
    return NAMES.sub(lambda found: WORDS[found[1]], text)


def name_option(part: str) -> str:
    """Returns `learning rate 0.003` for `learning_rate=0.003`."""
    key, equals, value = part.partition("=")
    return f"{key.replace('_', ' ').replace('.', ' ')} {value}" if equals else part


def capitalize(text: str) -> str:
    """Returns a phrase as a sentence begins: a capital, and the rest as it is."""
    return text[:1].upper() + text[1:]


def word_key(key: str) -> str:
    """Returns the key of a question where it is a word, and else nothing."""
    return key if len(key) > LETTERS else ""
