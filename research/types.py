"""Aliases of arrays and of what describes them; numbers are in `research.ranges`.

Images and maps are NHWC; `batch` is sharded over the device mesh.
"""

from typing import Literal

from jaxtyping import Array, Float, Int

from research.ranges import (
    MOST,
    Bits,
    Count,
    Counts,
    Finite,
    Fraction,
    Length,
    Natural,
    NonNegative,
    OneOf,
    Positive,
    Probability,
    Range,
    Seed,
    Share,
    Sides,
    Step,
)

__all__ = [
    "MOST",
    "Bits",
    "Count",
    "Counts",
    "Edges",
    "Finite",
    "Fraction",
    "Images",
    "Interpolation",
    "Labels",
    "Length",
    "LogitMaps",
    "Logits",
    "Map",
    "Natural",
    "NonNegative",
    "OneOf",
    "Padding",
    "Positive",
    "Probability",
    "Range",
    "SamePadding",
    "Seed",
    "Shape",
    "Share",
    "Sides",
    "Step",
    "Stride",
]

Padding = Literal["valid", "zero", "reflect", "circular"]
SamePadding = Literal["zero", "reflect", "circular"]  # keeps the size of a map
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]  # antialiased
Stride = tuple[int, int]  # (height, width), each ≥ 1
Shape = tuple[int, int, int]  # (height, width, channels) of an image or a map
Edges = tuple[tuple[int, int], tuple[int, int]]  # ((above, below), (left, right))

Images = Float[Array, "batch height width channels"]  # in [0, 1]
# The input and the output of a stage. The underscores leave the axes unbound: a
# function from map to map may change each size.
Map = Float[Array, "_batch _height _width _channels"]
Labels = Int[Array, " batch"]
Logits = Float[Array, "batch classes"]
LogitMaps = Float[Array, "batch height width classes"]  # of each pixel
