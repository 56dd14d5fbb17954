"""Files as URLs that hold all of them, so that the page needs nothing else."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from research.claims.verdict import Verdict
from research.report.page.render import ASSETS, read_asset

KINDS = {".svg": "image/svg+xml", ".png": "image/png"}
PHOTOGRAPH = 128  # pixels a side, from which a coloured image is one
QUALITY = 90  # of its WebP, 0 to 100: an eighth of the bytes, no visible trace


class Embedded(NamedTuple):
    """A figure as a URL, and its caption: empty where none lies beside it."""

    url: str
    text: str


def map_imports() -> dict[str, dict[str, str]]:
    """Returns an import map: each script's name → itself, as a URL."""
    names = sorted(one.name for one in ASSETS.iterdir() if one.name.endswith(".js"))
    urls = {name: encode_url("text/javascript", read_asset(name)) for name in names}
    return {"imports": urls}


def embed_figures(verdicts: Sequence[Verdict], folder: Path) -> dict[str, Embedded]:
    """Returns the verdicts' figures that lie in a folder, by name.

    Of each the SVG, or the PNG where that is smaller.
    """
    names = dict.fromkeys(name for verdict in verdicts for name in verdict.figures)
    urls = {name: find_figure(name, folder) for name in names}
    return {
        name: Embedded(url, read_caption(name, folder))
        for name, url in urls.items()
        if url is not None
    }


def read_caption(name: str, folder: Path) -> str:
    """Returns the caption that lies beside a figure, in one line; or nothing."""
    path = folder / f"{name}.txt"
    return " ".join(path.read_text("utf-8").split()) if path.is_file() else ""


def find_figure(name: str, folder: Path) -> str | None:
    """Returns the URL of a figure, the smaller of SVG and PNG; None: there is none."""
    saved = [folder / f"{name}{suffix}" for suffix in KINDS]
    contents = {one: one.read_bytes() for one in saved if one.is_file()}
    if not contents:
        return None
    smallest = min(contents, key=lambda one: len(contents[one]))
    return encode_url(KINDS[smallest.suffix], contents[smallest])


def encode_image(image: np.ndarray) -> str:
    """Returns an image, uint8 (H, W, 1) or (H, W, 3), as a URL.

    PNG, which is exact; of photographs, where it is much larger, WebP.
    """
    plane = image[..., 0] if image.shape[-1] == 1 else image
    buffer = io.BytesIO()
    if plane.ndim == 3 and min(plane.shape[:2]) >= PHOTOGRAPH:
        Image.fromarray(plane).save(buffer, "WEBP", quality=QUALITY, method=6)
        return encode_url("image/webp", buffer.getvalue())
    Image.fromarray(plane).save(buffer, "PNG")
    return encode_url("image/png", buffer.getvalue())


def encode_url(kind: str, content: str | bytes) -> str:
    """Returns content as a URL that holds all of it."""
    raw = content.encode() if isinstance(content, str) else content
    return f"data:{kind};base64,{base64.b64encode(raw).decode()}"
