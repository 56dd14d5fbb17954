"""Array aliases, and values held against annotations.

Images and maps are NHWC; `batch` is sharded over the device mesh.
"""

from collections.abc import Callable
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from jaxtyping import Array, Float, Int, UInt8

Padding = Literal["valid", "zero", "reflect", "circular"]
Stride = tuple[int, int]  # (height, width), each ≥ 1
Edges = tuple[tuple[int, int], tuple[int, int]]  # ((above, below), (left, right))

Images = Float[Array, "batch height width channels"]  # in [0, 1]
Pixels = UInt8[Array, "batch height width channels"]  # as stored, 0…255
# What a stage takes and returns. Its axes are not bound (the underscores): a function
# from map to map may change each size.
Map = Float[Array, "_batch _height _width _channels"]
Labels = Int[Array, " batch"]
Logits = Float[Array, "batch classes"]

Predict = Callable[[Images], Logits]  # normalisation lies inside

WORDS = {
    int: "an integer",
    float: "a number",
    bool: "true or false",
    str: "text",
    NoneType: "null",
}
PLURALS = {int: "integers", float: "numbers", str: "words"}


def accepts(hint: Any, value: Any) -> bool:
    """Whether a value from a config is of the type that an annotation names.

    An integer will do for a number, a list for a tuple; true is no number.
    """
    import typeguard  # takes a while, and only configs need it

    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if isinstance(value, bool):
        return bool({bool, Any, object} & set(options))
    forms = (value,)
    if isinstance(value, list):
        if any(isinstance(one, bool) for one in value):
            return False
        forms = (value, tuple(value))
    every = typeguard.CollectionCheckStrategy.ALL_ITEMS
    for form in forms:
        try:
            typeguard.check_type(form, hint, collection_check_strategy=every)
        except typeguard.TypeCheckError:
            continue
        return True
    return False


def describe(hint: Any) -> str:
    """Returns what an annotation accepts, in words: `an integer or null`."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        kinds = [one for one in inner if one is not int or float not in inner]
        return " or ".join(dict.fromkeys(map(describe, kinds)))
    if origin is Literal:
        return " or ".join(map(str, inner))
    if origin in (list, tuple) or getattr(origin, "__name__", "") == "Sequence":
        return f"a list of {PLURALS.get(inner[0], 'values')}" if inner else "a list"
    return WORDS.get(hint, getattr(hint, "__name__", str(hint)))
