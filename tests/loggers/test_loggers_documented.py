"""The page on loggers names every option, extra and curve that there is."""

import tomllib

from logged import ROOT

from research.config.composing import options_of

PAGE = (ROOT / "docs/logging.md").read_text()


def test_each_logger_has_a_line_and_an_extra():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for option in options_of("logger"):
        if option != "none":
            assert f"| `{option}` | `pip install -e '.[{option}]'` |" in PAGE
            assert option in extras["optional-dependencies"]
