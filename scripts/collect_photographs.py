"""Collects free photographs into a folder: python scripts/collect_photographs.py DIR.

They are listed in `photographs.tsv` beside this file, with their licences: wallpapers
of Debian packages, which are downloaded by apt-get and unpacked, not installed; and the
samples of Python packages of this environment (pip install scikit-image for some). A
photograph of a wallpaper's size is taken as its two halves, which share no content.
Each is reduced to 640 pixels on its shorter side. `DIR/sources.tsv` says whose it is.
What is missing is named in one line, and then nothing is written.
"""

from __future__ import annotations

import csv
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

LIST = Path(__file__).with_name("photographs.tsv")
SIDE = 640  # pixels, of what is kept of the shorter side
LARGE = 1000  # pixels of the shorter side, from which on halves are taken
QUALITY = 95


class Photograph(NamedTuple):
    """One line of the list.

    Attributes:
      kind: of package, `deb` or `pip`.
      package: its name.
      path: of the file, below where the package is unpacked.
      licence: of the file.
      author: of the photograph, as far as the package says.
    """

    kind: str
    package: str
    path: str
    licence: str
    author: str


class Missing(Exception):
    """Packages, or files of theirs, that are not there."""


def read_list(path: Path = LIST) -> list[Photograph]:
    """Returns the photographs that are listed."""
    with path.open(encoding="utf-8", newline="") as file:
        _, *lines = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    return [Photograph(*line) for line in lines]


def unpack(package: str, folder: Path) -> Path:
    """Returns where a Debian package is unpacked: below `folder`, for this purpose.

    Raises:
      Missing: it cannot be downloaded.
    """
    place = folder / package
    place.mkdir(parents=True)
    if shutil.which("apt-get") is None:
        raise Missing(f"{package} (no apt-get here)")
    fetched = subprocess.run(
        ["apt-get", "download", "-q", package],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    files = sorted(place.glob("*.deb"))
    if fetched.returncode or not files:
        last = (fetched.stderr.strip().splitlines() or ["nothing came"])[-1]
        raise Missing(f"{package} ({last})")
    subprocess.run(["dpkg", "-x", files[0].name, "."], cwd=place, check=True)
    return place


def find_installed(photograph: Photograph) -> Path:
    """Returns where a Python package's files lie.

    Raises:
      Missing: it is not installed.
    """
    module = photograph.path.partition("/")[0]
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise Missing(f"{photograph.package} (pip install {photograph.package})")
    return Path(found.origin).parents[1]


def locate(wanted: Sequence[Photograph], folder: Path) -> dict[Photograph, Path]:
    """Returns the file of each photograph.

    Args:
      wanted: which.
      folder: where Debian packages are unpacked.

    Raises:
      Missing: names all packages and files that are.
    """
    roots: dict[str, Path] = {}
    missing: dict[str, str] = {}
    for one in wanted:
        if one.package in roots or one.package in missing:
            continue
        try:
            deb = one.kind == "deb"
            found = unpack(one.package, folder) if deb else find_installed(one)
            roots[one.package] = found
        except Missing as error:
            missing[one.package] = str(error)
    files = {p: roots[p.package] / p.path for p in wanted if p.package in roots}
    absent = [p.path for p, path in files.items() if not path.is_file()]
    if missing or absent:
        raise Missing("; ".join([*missing.values(), *absent]))
    return files


def cut(picture: Image.Image) -> Iterator[Image.Image]:
    """Yields a picture reduced, or the two halves of a large one."""
    width, height = picture.size
    boxes = [(0, 0, width, height)]
    if min(width, height) >= LARGE:
        if width >= height:
            boxes = [(0, 0, width // 2, height), (width // 2, 0, width, height)]
        else:
            boxes = [(0, 0, width, height // 2), (0, height // 2, width, height)]
    for box in boxes:
        part = picture.crop(box)
        scale = min(1.0, SIDE / min(part.size))
        size = (round(part.width * scale), round(part.height * scale))
        yield part.resize(size, Image.Resampling.LANCZOS)


def collect(wanted: Sequence[Photograph], folder: Path) -> int:
    """Writes photographs, and whose they are, into a folder; returns how many.

    Raises:
      Missing: some are; nothing is written.
    """
    with tempfile.TemporaryDirectory() as place:
        files = locate(wanted, Path(place))
        folder.mkdir(parents=True, exist_ok=True)
        lines = ["\t".join(("file", *Photograph._fields))]
        for one, path in files.items():
            with Image.open(path) as picture:
                parts = list(cut(picture.convert("RGB")))
            parent = path.parents[2].name if path.stem[0].isdigit() else ""
            stem = "_".join(filter(None, [one.package, parent, path.stem]))
            for number, part in enumerate(parts):
                name = f"{stem}_{number}.jpg" if len(parts) > 1 else f"{stem}.jpg"
                part.save(folder / name, quality=QUALITY)
                lines.append("\t".join((name, *one)))
    text = "\n".join(lines) + "\n"
    (folder / "sources.tsv").write_text(text, encoding="utf-8")
    return len(lines) - 1


def main() -> None:
    """Collects what is listed into the folder that is named."""
    if {"-h", "--help"} & set(sys.argv):
        print(__doc__)
        return
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print("error: takes one folder, for the photographs", file=sys.stderr)
        sys.exit(2)
    try:
        count = collect(read_list(), Path(sys.argv[1]))
    except Missing as missing:
        print(f"error: cannot collect: {missing}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        what = f"{error.filename or sys.argv[1]}: {error.strerror or error}"
        print(f"error: {what}; choose another folder", file=sys.stderr)
        sys.exit(2)
    print(f"{count} photographs in {sys.argv[1]}")


if __name__ == "__main__":
    main()
