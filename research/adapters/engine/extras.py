"""Libraries that are extras: imported when a model needs one, or one line on it."""

from __future__ import annotations

import importlib
from typing import Any

from research.errors import UserError


def require(package: str, kind: str) -> Any:
    """Returns a package.

    Args:
      package: its name.
      kind: of model that needs it; the extra that installs it has its name.

    Raises:
      UserError: it is not installed, or does not fit what is installed beside it.
    """
    extra = kind.replace("_", "-")  # pip knows no other spelling
    remedy = f"pip install -e '.[{extra}]'"
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise UserError(
            f"predict={kind}:…: needs {error.name}, which is not installed: {remedy}"
        ) from None
    except (ImportError, RuntimeError) as error:  # as torchvision for another PyTorch
        reason = " ".join(str(error).split())
        raise UserError(
            f"predict={kind}:…: {package} cannot be imported ({reason}); packages that "
            f"fit each other: {remedy} in a new environment"
        ) from None
