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
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


# What each room may use; a room below never uses one above.
ROOMS = {
    "errors": set(),
    "ranges": {"errors"},
    "annotations": {"errors", "ranges"},
    "types": {"ranges"},
    "progress": set(),
    "cores": set(),
    "stats": set(),
    "runs.identity": set(),
    "files": {"errors"},
    "config": {"errors", "ranges", "annotations", "runs.identity"},
    "nn": {"errors", "types"},
    "distributed": {"nn", "errors", "files", "progress", "ranges", "cores"},
    "transforms": {"nn", "annotations", "errors", "types"},
    "tasks": {"nn", "errors", "types"},
    "downsample": {"nn", "errors", "types"},
    "models": {"downsample", "tasks", "nn", "errors", "types"},
    "jobs": {"distributed", "files", "errors", "progress"},
    "data": {"files", "errors", "progress", "types", "cores"},
    "training": {"data", "tasks", "jobs", "distributed", "files", "nn"}
    | {"errors", "types"},
    "loggers": {"files", "errors"},
    "wrappers": {"nn", "errors", "types"},
    "evals": {"models", "downsample", "data", "tasks", "transforms", "distributed"}
    | {"wrappers", "nn", "stats", "annotations", "errors", "progress", "types"},
    "adapters": {"errors", "types"},
    "surgery": {"adapters", "downsample", "nn", "errors", "types"},
    "claims": {"runs.identity", "stats", "ranges", "errors"},
    "runs": {"training", "evals", "models", "data", "tasks", "jobs", "distributed"}
    | {"adapters", "wrappers", "surgery", "loggers"}
    | {"runs.identity", "files", "config", "nn", "errors", "progress"},
    "report": {"runs", "runs.identity", "claims", "files", "ranges", "stats", "errors"},
    "benchmarks": {"config", "training", "evals", "models", "distributed", "nn"}
    | {"files", "errors", "progress", "types", "cores"},
}


def room(module):
    if module.startswith("research.runs.identity"):
        return "runs.identity"  # what all others ask: a leaf
    return module.split(".")[1] if "." in module else ""


def test_every_room_is_named():
    assert {room(name(path)) for path in FILES} == {"", *ROOMS}


def test_rooms_are_ordered():
    below = set()
    for one, used in ROOMS.items():
        assert used <= below, one
        below.add(one)


@pytest.mark.parametrize("path", FILES, ids=name)
def test_direction(path):
    own = room(name(path))
    for module in imports(path):
        if module is None or not module.startswith("research."):
            continue
        used = room(module)
        assert used in {own, *ROOMS[own]}, f"{name(path)} imports {module}"


def test_only_config_and_scripts_know_hydra():
    knowing = {
        name(path)
        for path in FILES
        if any(m and m.split(".")[0] == "hydra" for m in imports(path))
    }
    assert {one.split(".")[1] for one in knowing} == {"config"}


LIGHT = ("runs.rows", "runs.tables", "runs.identity", "runs.outcome")
LIGHT += ("runs.folders", "runs.predictions", "runs.store", "runs.parquet", "runs.pack")
LIGHT += ("stats", "report", "claims", "files", "jobs")
HEAVY = ("jobs.following",)  # speaks with other processes through JAX


def test_reports_do_not_import_jax():
    modules = [
        name(path)
        for path in FILES
        if name(path).removeprefix("research.").startswith(LIGHT)
        and name(path).removeprefix("research.") not in HEAVY
    ]
    code = f"import sys, {', '.join(modules)}; sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
