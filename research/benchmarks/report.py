"""A benchmark's rows, as a table and as JSON with where they were measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax
from rich.console import Console
from rich.table import Table

from research.benchmarks.timing import Row
from research.cores import count_cores
from research.files.atomic import write_json, write_text

PACKAGES = ("jax", "jaxlib", "flax", "numpy", "torch")


def report(name: str, rows: Iterable[Row], folder: Path) -> Path:
    """Prints a table and writes `<name>.json`, and `<name>.md` for a README.

    Both files are written anew with each row, so a benchmark that is stopped leaves
    what it has measured.

    Args:
      name: of the benchmark.
      rows: of it.
      folder: where the JSON goes.

    Returns:
      The path of the JSON.
    """
    path, where, done = folder / f"{name}.json", machine(), []
    table = Table("case", "who", "median", "range", "processor ms", "speed", "note")
    for row in rows:
        done.append(row)
        write_json(path, {"machine": where, "rows": [asdict(one) for one in done]})
        write_text(folder / f"{name}.md", markdown(done))
        table.add_row(
            row.case,
            row.subject,
            f"{row.value:.4g} {row.unit}",
            f"{row.low:.4g} – {row.high:.4g}",
            "" if row.cpu is None else f"{row.cpu:.4g}",
            "" if row.speed is None else f"{row.speed:.2f}",
            row.note,
            end_section=False,
        )
    console = Console(highlight=False, width=max(100, Console().width))
    console.print(table)
    console.print(
        f"{where['devices']} × {where['device']}; load {where['load']}; "
        f"speed: as a multiple of the subject's at 1.00, median of rounds; {path}",
        soft_wrap=True,
    )
    return path


def markdown(rows: list[Row]) -> str:
    """Returns a Markdown table: a line for each case, a column for each subject.

    A cell is the median, and in brackets how many times as fast as the reference.
    """
    cells: dict[str, dict[str, str]] = {}
    for row in rows:
        speed = "" if row.speed is None else f" ({row.speed:.2f}×)"
        units = cells.setdefault(f"{row.case}, {row.unit}", {})
        units[row.subject] = f"{row.value:.4g}{speed}"
    subjects = list(dict.fromkeys(row.subject for row in rows))
    lines = [["case", *subjects], ["---", *["--:"] * len(subjects)]]
    lines += [
        [case, *(found.get(subject, "") for subject in subjects)]
        for case, found in cells.items()
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def machine() -> dict[str, Any]:
    """Returns what the times depend on besides the code."""
    return {
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
        "cores": count_cores(),
        "processor": processor(),
        "system": platform.system(),
        "load": round(os.getloadavg()[0], 1),
        "flags": os.environ.get("XLA_FLAGS", ""),
        "versions": {"python": platform.python_version()} | versions(),
    }


def versions() -> dict[str, str]:
    """Returns the versions of the packages that are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """Returns the processor's name where the system tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor()
