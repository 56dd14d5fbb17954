"""Installs this project and extras of it: python scripts/install.py test,cuda.

Into the environment of the Python that runs it, with the versions of constraints.txt,
or of constraints-latest.txt from Python 3.12 on; $CONSTRAINTS names another file. The
environment remembers its extras: the next call installs them, too, so that a new
version of one package never leaves those of an extra behind. Only an accelerator takes
the place of another. Needs nothing but pip.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
REMEMBERED = ".extras"  # in the folder of the environment
BACKENDS = {"cuda", "cuda12", "rocm", "tpu"}  # an environment has JAX for one of them


def known_extras() -> list[str]:
    """Returns the names of the extras in `pyproject.toml`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return list(project["optional-dependencies"])


def choose_constraints() -> str:
    """Returns the name of the file of versions that were tested on this Python."""
    latest = "-latest" if sys.version_info >= (3, 12) else ""
    return os.environ.get("CONSTRAINTS") or f"constraints{latest}.txt"


def install(extras: set[str]) -> None:
    """Installs the project, editable, with these extras and the remembered ones."""
    memory = Path(sys.prefix) / REMEMBERED
    if memory.exists():
        before = set(memory.read_text().split())
        extras = extras | (before - BACKENDS if extras & BACKENDS else before)
    names = sorted(extras)
    pip = [sys.executable, "-m", "pip", "install", "-q", "-c", choose_constraints()]
    subprocess.run([*pip, "-e", f".[{','.join(names)}]"], cwd=ROOT, check=True)
    memory.write_text("".join(f"{name}\n" for name in names))


def main() -> None:
    """Installs the extras that the arguments name; `--constraints` only says which."""
    if {"-h", "--help"} & set(sys.argv):
        print(__doc__)
        return
    if sys.argv[1:] == ["--constraints"]:
        print(choose_constraints())
        return
    extras = set(",".join(sys.argv[1:]).replace(",", " ").split())
    known = known_extras()
    if unknown := sorted(extras - set(known)):
        print(
            f"error: EXTRAS={','.join(unknown)}: takes {', '.join(known)}",
            file=sys.stderr,
        )
        sys.exit(2)
    try:
        install(extras)
    except subprocess.CalledProcessError as failed:  # pip has said why
        sys.exit(failed.returncode)


if __name__ == "__main__":
    main()
