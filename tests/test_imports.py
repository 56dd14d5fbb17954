"""Imports point one way; only config and scripts know Hydra; results never need JAX."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "research").rglob("*.py"))


def name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(module):
    """What a module may use of ours, by the longest prefix that is listed."""
    parts = module.split(".")
    while ".".join(parts) not in ALLOWED:
        parts.pop()
    return ALLOWED[".".join(parts)]


BASE = {"research.errors", "research.types", "research.signal"}
CONVOLUTIONS = {"research.convolution", "research.onednn"}
PARTS = BASE | CONVOLUTIONS | {"research.layers", "research.downsample"}
DATA = {
    "research.results",
    "research.tables",
    "research.files",
    "research.stats",
    "research.errors",
}
PURE = {f"research.{x}" for x in ("perturb", "metrics", "scrambles", "changes")}
EVALS = BASE | DATA | PURE | CONVOLUTIONS | {"research.devices", "research.hosts"}
ALLOWED = {
    "research": None,  # no bound: train, run, config
    "research.errors": set(),
    "research.types": BASE,
    "research.signal": BASE,
    "research.layers": PARTS,
    "research.convolution": BASE | CONVOLUTIONS,
    "research.onednn": BASE,
    "research.downsample": PARTS,
    "research.models": PARTS | {"research.models", "research.losses"},
    "research.perturb": BASE,
    "research.scrambles": BASE,
    "research.changes": BASE | {"research.scrambles"},
    "research.metrics": BASE,
    "research.evals": EVALS
    | {"research.evals", "research.data.source", "research.models.network"}
    | {"research.downsample"},
    "research.results": DATA,
    "research.tables": DATA,
    "research.stats": DATA,
    "research.experiments": DATA,
    "research.files": DATA,
    "research.figures": DATA | {"research.figures", "research.claims"},
    "research.claims": DATA | {"research.claims", "research.experiments"},
    "research.sweep": {"research.sweep", "research.errors", "research.files"},
    "research.page": DATA | {"research.page", "research.figures", "research.claims"},
    "research.train": None,
}


@pytest.mark.parametrize("path", FILES, ids=name)
def test_direction(path):
    allowed = layer(name(path))
    for module in imports(path):
        if module is None or not module.startswith("research.") or allowed is None:
            continue
        known = any(
            module == use
            or module.startswith(use + ".")
            or use.startswith(module + ".")
            for use in allowed
        )
        assert known, f"{name(path)} imports {module}"


def test_only_config_and_scripts_know_hydra():
    knowing = {
        name(path)
        for path in FILES
        if any(m and m.split(".")[0] == "hydra" for m in imports(path))
    }
    assert knowing == {"research.config"}


def test_train_knows_no_model_and_no_evaluator():
    used = set(imports(ROOT / "research" / "train.py"))
    assert not any(m.startswith(("research.models", "research.evals")) for m in used)


def test_reports_do_not_import_jax():
    modules = [
        name(path)
        for path in FILES
        if name(path).startswith(
            (
                "research.results",
                "research.tables",
                "research.stats",
                "research.figures",
                "research.claims",
                "research.sweep",
                "research.page",
            )
        )
    ]
    code = f"import sys, {', '.join(modules)}; sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
