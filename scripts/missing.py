"""Lists what an image of packages lacks, one `name==version` a line, for `wheels.sh`.

    python scripts/missing.py REPORT --has NAME… --also NAME… --without NAME…

The report is pip's (`pip install --dry-run --report`) for the whole project. An image
that has a package has what that package needs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def needed_by(wanted: Iterable[str], needs: Mapping[str, Iterable[str]]) -> set[str]:
    """Returns the names of packages, and of all that they need.

    Args:
      wanted: requirements, as `etils[epath]>=1`.
      needs: what each package requires, by canonical name.
    """
    found: set[tuple[str, str]] = set()  # packages, each with one extra or ""
    todo = [Requirement(line) for line in wanted]
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras}:
            if (name, extra) in found:
                continue
            found.add((name, extra))
            todo += [
                each
                for each in map(Requirement, needs.get(name, ()))
                if each.marker is None or each.marker.evaluate({"extra": extra})
            ]
    return {name for name, _ in found}


def list_missing(
    report: dict[str, Any],
    has: Iterable[str],
    also: Iterable[str],
    without: Iterable[str],
) -> list[str]:
    """Returns the pins of a report that are neither on the image nor left out.

    What only a package that is left out needs is left out, too.

    Args:
      report: pip's, for a project in a folder.
      has: packages of the image.
      also: packages that are not there, though what `has` names needs them.
      without: packages to leave out.
    """
    packages = [item["metadata"] for item in report["install"]]
    needs = {
        str(canonicalize_name(package["name"])): package.get("requires_dist", [])
        for package in packages
    }
    (project,) = (
        item for item in report["install"] if "dir_info" in item["download_info"]
    )
    name = project["metadata"]["name"]
    extras = ",".join(project.get("requested_extras", []))
    there = needed_by(has, needs) - set(map(canonicalize_name, also))
    left_out = set(map(canonicalize_name, without))
    kept = {each: lines for each, lines in needs.items() if each not in left_out}
    missing = needed_by([f"{name}[{extras}]"], kept) - left_out - there
    missing.discard(canonicalize_name(name))
    return sorted(
        f"{package['name']}=={package['version']}"
        for package in packages
        if canonicalize_name(package["name"]) in missing
    )


def main() -> None:
    """Prints the list."""
    parser = argparse.ArgumentParser(description="what an image of packages lacks")
    parser.add_argument("report", type=Path)
    parser.add_argument("--has", nargs="*", default=[])
    parser.add_argument("--also", nargs="*", default=[])
    parser.add_argument("--without", nargs="*", default=[])
    given = parser.parse_args()
    report = json.loads(given.report.read_text())
    print("\n".join(list_missing(report, given.has, given.also, given.without)))


if __name__ == "__main__":
    main()
