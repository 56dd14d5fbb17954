"""Photographs that nobody labelled: a folder of any depth, of pictures of any size.

Each is scaled as networks for ImageNet are given theirs, and what lies around the part
that a network sees is kept, as `data=scenes` keeps it: `canvas`, of which `image` is
the window whose first row and column are `corner`. So real content comes in when a
window moves. Stored order is a fixed shuffle: the first are a sample.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Annotated, NoReturn

from research.data import arrays
from research.data.frame import Frame, Kept
from research.data.images import require_channels
from research.data.picture_folder import (
    REMEDY,
    find_pictures,
    hash_text,
    key_of,
    make,
    read_photographs,
)
from research.data.source import Dataset
from research.data.split import Split
from research.errors import UserError
from research.types import Count, Finite, Interpolation, Length, Positive, Range

Level = Annotated[int, Range(0, 255)]
Colour = Annotated[Sequence[Level], Length(3, 3, "red, green, blue")]


def load(
    *,
    name: str,
    shape: Annotated[Sequence[Count], Length(3, 3, "height, width, channels")],
    dir: str | Path,
    manual_dir: str | Path | None,
    classes: Count | None = None,
    mean: Annotated[Sequence[Finite], Length()] = (0.5,),
    std: Annotated[Sequence[Positive], Length()] = (0.25,),
    central: Kept = 0.875,
    zoom: Count = 1,
    resize: bool = True,
    interpolation: Interpolation = "bilinear",
    background: Colour = (255, 255, 255),
    skip_broken: bool = False,
) -> Dataset:
    """Loads the photographs of a folder, whose one split is `test`, without labels.

    Arrays are made of them at the first use, and again when a file has changed.

    Args:
      name: of the data set.
      shape: (height, width, channels) of what a network sees.
      dir: the folder of data sets, in which the arrays are kept.
      manual_dir: the folder of photographs.
      classes: of a network that is not trained; the photographs have none.
      mean: of the pixels in [0, 1], for networks of ours.
      std: likewise.
      central: see `research.data.frame.Frame`.
      zoom: likewise.
      resize: likewise.
      interpolation: likewise.
      background: likewise; sRGB in 0…255.
      skip_broken: whether pictures that cannot be read are left out, rather than
        refused.

    Raises:
      UserError: there is no such folder, it holds no picture, or some cannot be read.
    """
    height, width, channels = shape
    require_channels((height, width, channels))
    frame = Frame(
        (height, width, channels),
        central,
        zoom,
        resize,
        interpolation,
        tuple(background),
    )
    root = require_folder(manual_dir)
    paths = find_pictures(root)
    version = hash_pictures(root, paths, frame, skip_broken)
    folder = Path(dir) / "photos" / version
    if not folder.is_dir():
        make(folder, root, paths, frame, skip_broken=skip_broken)
    read = cache(lambda: Split(arrays.read(folder / "test", remedy=REMEDY)))
    return Dataset(
        name,
        version,
        frame.shape,
        classes,
        {"train": refuse_split, "validation": refuse_split, "test": read},
        mean=mean,
        std=std,
        photographs=read_photographs(folder),
    )


def require_folder(manual_dir: str | Path | None) -> Path:
    """Returns the folder of photographs.

    Raises:
      UserError: none is given, or it is no folder.
    """
    root = None if manual_dir is None else Path(manual_dir).expanduser()
    if root is None or not root.is_dir():
        raise UserError(
            f"data.manual_dir={'null' if manual_dir is None else manual_dir}: takes "
            "the folder of your photographs, data.manual_dir=DIR"
        )
    return root


def hash_pictures(
    root: Path, paths: Sequence[Path], frame: Frame, skip_broken: bool
) -> str:
    """Returns a digest of what decides the arrays: which files, and what is kept."""
    files = []
    for path in paths:
        known = path.stat() if path.exists() else None
        size, time = (known.st_size, known.st_mtime_ns) if known else (0, 0)
        files.append([key_of(path, root), size, time])
    return hash_text(json.dumps([asdict(frame), skip_broken, files]))[:16]


def refuse_split() -> NoReturn:
    """Refuses to give examples to train on, or to choose by.

    Raises:
      UserError: always.
    """
    raise UserError(
        "data=photos: photographs without labels have only split=test, and nothing can "
        "be trained on them: evaluate a model, predict=…, or train on data=folder"
    )
