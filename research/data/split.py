"""Examples in memory: named arrays with one row per example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Int32, Shaped, UInt8

from research.errors import UserError

Rows = Shaped[np.ndarray, "examples ..."]


@dataclass(frozen=True)
class Split:
    """Examples, as arrays by name, which cannot be written to.

    Attributes:
      arrays: `image`, uint8 (N, H, W, C) in 0…255, and what else the data set has, each
        with N rows: `label`, int32 (N,); `mask`, `position`, ….
    """

    arrays: Mapping[str, Rows]

    def __post_init__(self) -> None:
        """Takes views: whoever gave the arrays can still write to them."""
        views = {name: read_only(rows) for name, rows in self.arrays.items()}
        object.__setattr__(self, "arrays", views)

    @classmethod
    def labelled(
        cls,
        images: UInt8[np.ndarray, "examples height width channels"],
        labels: Int32[np.ndarray, " examples"],
    ) -> Split:
        """Returns images with one label each."""
        return cls({"image": images, "label": labels})

    def __len__(self) -> int:
        return len(self.arrays["image"])

    def __getitem__(self, name: str) -> Rows:
        """Returns an array by its name.

        Raises:
          UserError: the data set has none of that name.
        """
        if name not in self.arrays:
            raise UserError(
                f"the data have no {name}: there are {', '.join(self.arrays)}; choose "
                "other data=…, task=… or eval=…"
            )
        return self.arrays[name]

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(rows.nbytes for rows in self.arrays.values())

    @property
    def images(self) -> UInt8[np.ndarray, "examples height width channels"]:
        """The images, uint8 in 0…255."""
        return self["image"]

    @property
    def labels(self) -> Int32[np.ndarray, " examples"]:
        """One class per image; raises UserError where the data set has none."""
        return self["label"]

    def rows(self, start: int, stop: int | None) -> Split:
        """Returns the examples from `start` up to `stop`."""
        return Split({name: rows[start:stop] for name, rows in self.arrays.items()})

    def take(self, numbers: Int[np.ndarray, " chosen"]) -> Split:
        """Returns the examples of these numbers, in memory."""
        return Split({name: rows[numbers] for name, rows in self.arrays.items()})

    def first(self, examples: int | None, name: str = "eval.….examples") -> Split:
        """Returns the first so many examples, or as many as there are; None: all.

        Args:
          examples: how many.
          name: the config key that says so, for the error.

        Raises:
          UserError: fewer than one.
        """
        if examples is not None and examples < 1:
            raise UserError(f"{name}={examples}: takes at least 1, or null for all")
        return self.rows(0, examples)


def read_only(array: Rows) -> Rows:
    """Returns an array that cannot be written to; it shares memory with the one given.

    Evaluators take such an array to stay as it is, and keep it on the devices.
    """
    view = array.view()
    view.flags.writeable = False
    return view
