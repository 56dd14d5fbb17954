"""Images that a move by one pixel flips: the rows and arrays of `eval=fragile`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from research.report.results import Results
from research.runs.rows import name_array

ARROWS = {
    **{(-1, -1): "↖", (-1, 0): "↑", (-1, 1): "↗", (0, -1): "←"},
    **{(0, 1): "→", (1, -1): "↙", (1, 0): "↓", (1, 1): "↘"},
}


def select_fragile(results: Results, split: str) -> pd.DataFrame:
    """Returns the rows of agreement, of circular shifts or of windows.

    Raises:
      UserError: there are none.
    """
    wanted = {
        "circular": ("fragile", "agreement"),
        "window": ("fragile", "agreement", "border"),
    }
    return pd.concat(results.select_available(wanted, split=split).values())


def describe_move(rows: pd.DataFrame) -> str:
    """Returns what was done to the second image of each pair."""
    windows = [given.get("border") == "window" for given in rows["params"]]
    if all(windows):
        return "seen through a window that moved, so that its content moved"
    if any(windows):
        return "circularly shifted, or seen through a window that moved,"
    return "circularly shifted"


def read_pairs(results: Results, row: pd.Series) -> dict[str, np.ndarray]:
    """Returns the arrays of `eval=fragile` beside a row, with the shifted images.

    They are as `research.evals.fragile.Fragile` names them, and `moved` and the names
    of the classes, or their numbers, are always there.
    """
    start = name_array(row["protocol"], row["params"], row["measure"], "")
    arrays = results.arrays(row["path"], "fragile", row["split"]).below(start)
    if "moved" not in arrays:
        pairs = zip(arrays["images"], arrays["offsets"], strict=True)
        rolled = [np.roll(image, offset, (0, 1)) for image, offset in pairs]
        arrays["moved"] = np.array(rolled).reshape(arrays["images"].shape)
    for which in ("unshifted", "shifted"):
        arrays.setdefault(f"{which}_name", arrays[which].astype(str))
    return arrays
