"""What desktops, sync tools and second persons leave in folders of results.

A hidden file, a conflict of a sync tool or the copy of a run folder is no result:
whoever looks for results goes through `walk`, which passes these by.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from research.errors import UserError

LEFTOVER = re.compile(
    r"\..*|.*~|~\$.*"  # hidden files, macOS's `._x`, backups and locks of editors
    r"|thumbs\.db|desktop\.ini|icon\r|__macosx|@eadir|\$recycle\.bin"
    r"|system volume information|lost\+found"
    r"|.*\.sync-conflict-.*|.*conflicted copy.*"  # Syncthing, Dropbox
    r"|.*\.(swp|tmp|part|partial|crdownload)",
    re.IGNORECASE | re.DOTALL,
)
COPY = re.compile(
    r"copy of (?P<a>.+)"  # Windows, KDE
    r"|(?P<b>.+?)( - | |_|-)copy( \d+| ?\(\d+\))?"  # macOS, Windows
    r"|(?P<c>.+?) \((\w+ )?copy( \d+)?\)"  # GNOME
    r"|(?P<d>.+?) ?\(\d+\)"  # browsers, Google Drive
    r"|(?P<e>.+)\.(bak|orig|old)",
    re.IGNORECASE | re.DOTALL,
)


def is_leftover(name: str) -> bool:
    """Whether a file or folder of that name is a desktop's, a sync tool's or hidden."""
    return LEFTOVER.fullmatch(name) is not None


def is_copy(path: Path) -> bool:
    """Whether a folder is by its name a copy of one that lies beside it.

    `run copy` and `run (1)` are, as long as there is a `run`.
    """
    found = COPY.fullmatch(path.name)
    if found is None:
        return False
    (original,) = (name for name in found.groupdict().values() if name)
    return path.with_name(original).exists()


def walk(root: str | Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yields folders at or below `root` as `os.walk` does, less what is left over.

    Links are followed, and each folder is visited once. Names are sorted; those that
    are taken out of the list of folders are not visited.

    Args:
      root: where to begin, whatever its name.

    Yields:
      A folder, the names of folders in it and the names of files.

    Raises:
      UserError: a folder there cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise UserError(
            f"cannot read {error.filename}: {error.strerror}; make it readable, or "
            "choose a folder without it"
        ) from error

    seen: set[str] = set()
    for name, below, files in os.walk(root, onerror=refuse, followlinks=True):
        real = os.path.realpath(name)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        folder = Path(name)
        below[:] = sorted(
            one for one in below if not is_leftover(one) and not is_copy(folder / one)
        )
        yield folder, below, sorted(one for one in files if not is_leftover(one))
