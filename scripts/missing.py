"""Lists what an image of packages lacks, one `name==version` a line, for `wheels.sh`.

    python scripts/missing.py REPORT --has NAME… --also NAME… --without NAME…

The report is pip's (`pip install --dry-run --report`) for the whole project. An image
that has a package has what that package needs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def needed_by(names: Iterable[str], requirements: dict[str, list[str]]) -> set[str]:
    """Returns the packages and whatever they need, by what each requires."""
    found: set[str] = set()
    todo = [canonicalize_name(name) for name in names]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        for line in requirements.get(name, ()):
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(canonicalize_name(requirement.name))
    return found


def list_missing(
    report: dict[str, Any],
    has: Iterable[str],
    also: Iterable[str],
    without: Iterable[str],
) -> list[str]:
    """Returns the pins of a report that are neither on the image nor left out.

    What only a package that is left out needs is left out, too.

    Args:
      report: pip's; the package that was asked for by its folder is the project.
      has: packages of the image.
      also: packages that are not there, though what `has` names needs them.
      without: packages to leave out.
    """
    packages = [item["metadata"] for item in report["install"]]
    requirements = {
        canonicalize_name(package["name"]): package.get("requires_dist", [])
        for package in packages
    }
    (project,) = (item for item in report["install"] if "dir_info" in source(item))
    name = canonicalize_name(project["metadata"]["name"])
    there = needed_by(has, requirements) - {canonicalize_name(each) for each in also}
    extras = project.get("requested_extras", [])
    skipped = {canonicalize_name(each) for each in without} | there
    direct = {
        canonicalize_name(Requirement(line).name)
        for line in requirements.pop(name)
        if applies(line, extras)
    }
    needs = {each: lines for each, lines in requirements.items() if each not in skipped}
    wanted = needed_by(direct - skipped, needs) - skipped
    return sorted(
        f"{package['name']}=={package['version']}"
        for package in packages
        if canonicalize_name(package["name"]) in wanted
    )


def source(item: dict[str, Any]) -> dict[str, Any]:
    """Returns where a package of a report comes from."""
    return item.get("download_info", {})


def applies(line: str, extras: Iterable[str]) -> bool:
    """Whether a requirement holds here with these extras."""
    marker = Requirement(line).marker
    return marker is None or any(
        marker.evaluate({"extra": extra}) for extra in ("", *extras)
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
