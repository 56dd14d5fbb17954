"""Arrays as text in a page, for `assets/pack.js` to read."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

Packed = dict[str, Any]


def pack_array(array: np.ndarray) -> Packed:
    """Returns an array as `{shape, type, data}`: base64 of its bytes, row by row.

    Args:
      array: of booleans, packed into bits; or of numbers 0…255, or 0…65535.

    Raises:
      ValueError: it does not fit.
    """
    shape = list(array.shape)
    if array.dtype == bool:
        return {
            "shape": shape,
            "type": "bits",
            "data": encode_bytes(np.packbits(array)),
        }
    highest = int(array.max(initial=0))
    if array.dtype.kind not in "iu" or array.min(initial=0) < 0 or highest > 65535:
        raise ValueError(f"no array of small whole numbers: {array.dtype}, ≤ {highest}")
    kind = "u1" if highest < 256 else "u2"
    return {
        "shape": shape,
        "type": kind,
        "data": encode_bytes(array.astype(f"<{kind}")),
    }


def encode_bytes(array: np.ndarray) -> str:
    """Returns the base64 of an array's bytes."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def crop_fields(fields: UInt8[np.ndarray, "fields height width"]) -> dict[str, Packed]:
    """Returns maps that are mostly zero: a box of each, and the bytes in the boxes.

    Args:
      fields: (N, H, W).

    Returns:
      `boxes`, (N, 4): top, left, height, width of what is not zero; `values`, the
      contents of the boxes in a row.
    """
    boxes, values = [], [np.zeros(0, np.uint8)]
    for field in fields:
        top, height = find_extent(field.any(1))
        left, width = find_extent(field.any(0))
        boxes.append((top, left, height, width))
        values.append(field[top : top + height, left : left + width].ravel())
    return {
        "boxes": pack_array(np.array(boxes, int).reshape(-1, 4)),
        "values": pack_array(np.concatenate(values)),
    }


def find_extent(some: Bool[np.ndarray, " places"]) -> tuple[int, int]:
    """Returns the first place that is true, and how many there are to the last."""
    places = np.flatnonzero(some)
    return (int(places[0]), int(np.ptp(places)) + 1) if places.size else (0, 0)
