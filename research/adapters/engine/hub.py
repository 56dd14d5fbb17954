"""Models that lie on the Hugging Face hub, or in its cache on this machine."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from research.errors import UserError


@contextmanager
def fetching(predict: str, remedy: str) -> Iterator[None]:
    """Turns what goes wrong while files are fetched into one line; quiet meanwhile.

    Args:
      predict: the key and its value.
      remedy: what else would do.

    Raises:
      UserError: they are not here, and cannot be downloaded.
    """
    log = logging.getLogger("huggingface_hub")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    except OSError as error:  # every error of the hub is one
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{predict}: cannot be fetched ({reason}); {list_cached()}; or "
            f"give {remedy}"
        ) from error
    finally:
        log.setLevel(level)


def list_cached() -> str:
    """Returns in words which models lie in the cache of the hub."""
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    folder = Path(os.environ.get("HF_HUB_CACHE", home / "hub"))
    found = sorted(
        path.name.removeprefix("models--").replace("--", "/")
        for path in folder.glob("models--*")
        if any(path.glob("snapshots/*"))
    )
    names = ", ".join(found[:10]) or "no model"
    return f"{folder} has {names}"
