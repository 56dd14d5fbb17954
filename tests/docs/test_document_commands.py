"""Every command of README, docs and notebooks is one that its script takes."""

import re
import sys
from importlib import import_module

import pytest
from documents import DOCUMENTS, ROOT, commands, name
from hydra.core.override_parser.overrides_parser import OverridesParser

from research import claims, config
from research.claims.points import SCALES
from research.errors import UserError

sys.path.insert(0, str(ROOT / "scripts"))
from command_line import prepare_words  # noqa: E402

CONFIGS = {"evaluate": "eval"}  # script → config, where their names differ
PLAIN = {
    "collect_photographs",
    "install",
    "insert",
    "status",
}  # scripts without a config
# Words that stand for others: a folder, a host and its port, a model of that kind.
PLACES = {"HOST:PORT": "localhost:1234", "NAME": "max", "KIND": "torch"}
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
OWN = "your_own"  # its commands are run, with the files that it shows
SHELL = {".", "cp", "pre-commit", "pip", "pytest"}  # of other programs


def given(path):
    return [pytest.param(words, id=" ".join(words)[:70]) for words in commands(path)]


def check_hydra(script, words):
    """Composes the config of a command, with each value of what it sweeps."""
    several = "-m" in words
    chosen = CONFIGS.get(script, script)
    if script == "benchmark":
        words = import_module("benchmark").join_names(words)
    spelled = [word for word in prepare_words(words, chosen) if word[:1] != "-"]
    parsed = OverridesParser.create().parse_overrides(spelled)
    keys = {one.key_or_group: one.value() for one in parsed}
    if str(keys.get("experiment")) in claims.load():
        assert keys.get("scale", "cpu") in SCALES
        return
    fixed, swept = [], [[]]
    for one in parsed:
        if not one.is_sweep_override():
            fixed.append(one.input_line)
            continue
        assert several, f"{one.input_line} is refused without -m"
        values = one.sweep_string_iterator() if one.is_choice_sweep() else []
        key = one.get_key_element()
        lines = [f"{key}={value}" for value in values]
        swept += [[line] for line in lines[1:]]
        swept[0] += lines[:1]
    for more in swept:
        rest = [
            line
            for line in swept[0]
            if line.partition("=")[0] not in {word.partition("=")[0] for word in more}
        ]
        config.compose(*fixed, *rest, *more, config=chosen)


def check(words):
    """Refuses a command that there is not."""
    words = [*words]
    while re.match(r"[A-Z_]+=", words[0]):  # of the environment
        words = words[1:]
    if words[0] == "srun":
        words = words[words.index("python") :]
    for place, value in PLACES.items():
        words = [word.replace(place, value) for word in words]
    if words[0] == "make":
        assert set(words[1:]) - {w for w in words if "=" in w} <= TARGETS
    elif words[0] == "python" and words[1].startswith("scripts/"):
        script = re.fullmatch(r"scripts/(\w+)\.py", words[1])[1]
        assert (ROOT / words[1]).exists()
        if script not in PLAIN:
            check_hydra(script, words[2:])
    elif words[0] == "python" and words[1] != "-m":
        assert (ROOT / words[1]).exists()
    elif words[0].startswith("scripts/"):
        text = (ROOT / words[0]).read_text()
        assert (
            len(words) == 1
            or re.search(rf"\b{re.escape(words[1])}\b", text)
            or (words[0] == "scripts/wheels.sh")
        )
    else:
        assert words[0] in SHELL | {"python"}, words


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_documents_are_read(path):
    """A document that names a script has commands that are found."""
    if "```sh\n" in path.read_text():
        assert list(commands(path))


@pytest.mark.parametrize(
    "words", [one for path in DOCUMENTS if path.stem != OWN for one in given(path)]
)
def test_a_command_of_a_document_is_right(words):
    check(words)


@pytest.mark.parametrize(
    "wrong",
    [
        "python scripts/train.py downsample=maxx",
        "python scripts/train.py downsample=max,blur",
        "python scripts/nothing.py",
        "make nothing",
        "rm outputs",
    ],
)
def test_a_wrong_command_is_found(wrong):
    with pytest.raises((AssertionError, UserError)):
        check(wrong.split())
