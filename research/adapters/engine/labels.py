"""Classes by name: which logit of a model is that of a class of the data.

A name may be several with commas between, as WordNet's synonyms are, and start with
WordNet's own number: `n01440764 tench, Tinca tinca`. Case, hyphens and underscores do
not count.

References:
  G. A. Miller, WordNet, Communications of the ACM 38, 1995; O. Russakovsky et al.,
  ImageNet Large Scale Visual Recognition Challenge, IJCV 115, 2015 (the 1,000).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from research.errors import UserError

IMAGENET = "imagenet"
NUMBER = re.compile(r"(n\d{8})\s+(.*)")
ALIKE = 0.9  # of 1,000 classes in order: published lists differ in a few spellings


@cache
def imagenet_classes() -> tuple[str, ...]:
    """Returns ImageNet's 1,000 classes in order: WordNet's number, then synonyms."""
    path = Path(__file__).parents[1] / "imagenet_classes.txt"
    return tuple(path.read_text().splitlines())


def read_classes(name: str) -> tuple[str, ...]:
    """Returns the names of classes in order.

    Args:
      name: `imagenet`, or a file with one a line.

    Raises:
      UserError: there is no such file.
    """
    if name == IMAGENET:
        return imagenet_classes()
    try:
        lines = Path(name).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no text"
        raise UserError(
            f"adapter.class_names={name}: {reason}; takes a file with a name a line, "
            f"or {IMAGENET}"
        ) from None
    return tuple(line.strip() for line in lines if line.strip())


def normalise(name: str) -> str:
    """Returns a name in the one spelling in which it is compared."""
    return " ".join(re.sub(r"[-_\s]+", " ", name).lower().split())


def spellings(name: str) -> list[str]:
    """Returns what a class goes by: its number, its whole name, its synonyms."""
    found = NUMBER.fullmatch(name.strip())
    number, words = (found[1], found[2]) if found else ("", name)
    whole = normalise(words)
    parts = [normalise(part) for part in words.split(",")]
    return list(dict.fromkeys(filter(None, [number, whole, *parts])))


def short_name(name: str) -> str:
    """Returns what a class is called in a picture's title: the first synonym."""
    found = NUMBER.fullmatch(name.strip())
    return (found[2] if found else name).partition(",")[0].strip()


def with_numbers(classes: Sequence[str]) -> Sequence[str]:
    """Returns ImageNet's own names, where classes are its 1,000 in order."""
    own = imagenet_classes()
    if len(classes) != len(own):
        return classes
    pairs = zip(classes, own, strict=True)
    alike = sum(bool(set(spellings(a)) & set(spellings(b))) for a, b in pairs)
    return own if alike >= ALIKE * len(own) else classes


def find_columns(
    wanted: Sequence[str], classes: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    """Returns the columns that each class of the data may be, best spelling first.

    Args:
      wanted: names of the data's classes.
      classes: names of the model's logits.

    Returns:
      By name of the data's, no column where the model has no such class, and several
      where it has several of that name.
    """
    places: dict[str, list[int]] = {}
    for column, name in enumerate(with_numbers(classes)):
        for spelling in spellings(name):
            places.setdefault(spelling, []).append(column)
    return {
        name: next((tuple(places[one]) for one in spellings(name) if one in places), ())
        for name in wanted
    }


def choose_columns(
    path: str,
    wanted: Sequence[str] | None,
    classes: Sequence[str] | None,
    *,
    how: str | None = None,
) -> tuple[int, ...] | None:
    """Returns the column of the model for each class of the data, None: as they are.

    By name where both have names. If the data have as many classes as the model and not
    one of its names, they are another language or mere numbers, and the order counts.

    Args:
      path: `predict`, for errors.
      wanted: names of the data's classes; None: not known.
      classes: names of the model's logits; None: not known.
      how: `names` or `order`; None: see above.

    Raises:
      UserError: names are to be compared and are not known; or a class of the data is
        none of the model's, or several.
    """
    if how == "order":
        return None
    if wanted is None or classes is None:
        if how is None:
            return None
        whose = "data" if wanted is None else "model"
        raise UserError(
            f"adapter.labels=names: the {whose} of predict={path} have no names of "
            "classes; adapter.class_names=FILE gives a model's, adapter.labels=order "
            "takes its logits as they are"
        )
    found = find_columns(wanted, classes)
    missing = [name for name, columns in found.items() if not columns]
    unnamed = how is None and len(missing) == len(wanted) == len(classes)
    if unnamed:
        return None
    if missing:
        raise UserError(
            f"predict={path}: has no class {missing[0]} (and {len(missing) - 1} more "
            f"of the data's {len(wanted)} are not among its {len(classes)}, such as "
            f"{classes[0]}); rename the data's class folders, give adapter.class_names="
            "FILE, or adapter.labels=order if both are in one order"
        )
    for name, columns in found.items():
        if len(columns) > 1:
            numbers = " and ".join(with_numbers(classes)[one] for one in columns[:3])
            raise UserError(
                f"predict={path}: {name} may be {len(columns)} of its classes "
                f"({numbers}); rename the data's class folder to one of these"
            )
    return tuple(columns[0] for columns in found.values())
