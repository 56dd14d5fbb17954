"""Downloads of the files that our own builders read."""

from __future__ import annotations

import http.client
import shutil
import urllib.request
from pathlib import Path

from research.errors import UserError
from research.files.atomic import make_folder
from research.progress import say

PATIENCE = 30  # seconds without a byte


def download(url: str, folder: Path) -> Path:
    """Downloads a file; TFDS' own downloader takes minutes to notice a missing network.

    Args:
      url: of the file.
      folder: where to put it, under its own name.

    Raises:
      UserError: the download failed.
    """
    with make_folder(folder, "data.dir=…"):
        path = folder / url.rpartition("/")[2]
    say(f"downloading {url}")
    try:
        with (
            urllib.request.urlopen(url, timeout=PATIENCE) as response,
            path.open("wb") as file,
        ):
            shutil.copyfileobj(response, file)
    except (OSError, http.client.HTTPException) as error:
        raise UserError(
            f"{url} cannot be downloaded ({error}); get it by other means and build "
            "from the folder that it is in with data.manual_dir=DIR"
        ) from error
    return path
