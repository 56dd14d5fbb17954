"""What documents say to type: commands and code, found in their text."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
DOCUMENTS = sorted(
    [*(ROOT / name for name in NAMES), *ROOT.glob("docs/*.md")]
    + [*ROOT.glob("docs/results/*.md"), *ROOT.glob("notebooks/*.md")]
)
FENCE = re.compile(r"^```(?:\{[\w-]+\} )?(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"(?<!`)`((?:python|make) [^`]+)`(?!`)")
FILE = re.compile(
    r"`((?:research|conf)/[\w/.]+)`:\n+```(?:python|yaml)\n(.*?)```", re.DOTALL
)
CALL = re.compile(r'command\(\s*((?:"[^"]*"\s*)+)\)')


def name(path):
    return str(path.relative_to(ROOT))


def blocks(path, language):
    """Returns the fenced blocks of a language."""
    return [code for kind, code in FENCE.findall(path.read_text()) if kind == language]


def commands(path):
    """Yields the words of each command of a document, in blocks, text and cells."""
    for code in blocks(path, "sh"):
        for line in code.replace("\\\n", " ").splitlines():
            if words := shlex.split(line, comments=True):
                yield words
    for span in SPAN.findall(path.read_text()):
        if "\n\n" not in span and "…" not in span:  # an ellipsis is no command
            yield shlex.split(span)
    for code in blocks(path, "ipython3"):
        for call in CALL.findall(code):
            yield ["python", *shlex.split("".join(re.findall(r'"([^"]*)"', call)))]


def files(path):
    """Returns the files that a document shows, by their place in the checkout."""
    return dict(FILE.findall(path.read_text()))
