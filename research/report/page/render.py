"""Templates of the page: Jinja2, everything escaped but what is marked as safe."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined

ASSETS = files("research.report.page") / "assets"


def read_asset(name: str) -> str:
    """Returns the text of a file in `assets/`."""
    return (ASSETS / name).read_text(encoding="utf-8")


ENVIRONMENT = Environment(
    loader=FunctionLoader(read_asset),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.policies["json.dumps_kwargs"] = {
    "ensure_ascii": False,
    "separators": (",", ":"),
}
