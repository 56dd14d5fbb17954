"""Every command that a comment of conf/ gives is one that its script takes."""

import re
import shlex
from importlib import import_module

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from research import config

COMMAND = re.compile(r"python scripts/(\w+)\.py ([^&#\n]*)")
PRIMARY = {"evaluate": "eval"}  # script → config, where their names differ
PLACES = {"DIR": "/somewhere"}


def commands():
    """Yields file, script and words of each command in a comment."""
    for path in sorted(config.CONF.rglob("*.yaml")):
        comments = re.findall(r"#(.*)", path.read_text())
        text = "\n".join(comments).replace("\\\n", " ").replace(" with ", "\n")
        for script, words in COMMAND.findall(text):
            yield pytest.param(script, words, id=f"{path.stem}: {words}"[:60])


def spell_out(words):
    """Returns the words of a command with what is optional, the first alternative."""
    for word in shlex.split(words):
        if re.fullmatch(r"\[[\w.]+=.*\]", word):
            word = word[1:-1]
        key, _, value = word.partition("=")
        if "…" not in word and "[" not in key and value not in ("", "option", "value"):
            yield f"{key}={PLACES.get(value, value.partition('|')[0])}"


COMMANDS = list(commands())


def test_there_are_commands():
    assert len(COMMANDS) > 12


@pytest.mark.parametrize("script, words", COMMANDS)
def test_a_command_in_a_comment_is_right(script, words):
    spelled = list(spell_out(words))
    claims = re.findall(r"experiment=((?:[bc]\d+,?)+)", words)
    several = "-m" in words or bool(claims)
    chosen = []
    for override in OverridesParser.create().parse_overrides(spelled):
        if override.is_sweep_override():
            assert several, f"{override.input_line} is refused without -m"
            if not override.is_choice_sweep():
                continue  # a range or an interval of a key that is there
            value = next(iter(override.sweep_string_iterator()))
            chosen.append(f"{override.get_key_element()}={value}")
        else:
            chosen.append(override.input_line)
    if not claims:
        config.compose(*chosen, config=PRIMARY.get(script, script))
    for name in claims[0].split(",") if claims else ():  # its points are composed
        import_module(f"research.claims.{name}")
