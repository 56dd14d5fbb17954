"""A directive for a preset of downsampling: its picture, formula, cost and source.

All of it comes from the code; what stands in the directive says when to use it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FOLDER = Path(__file__).parents[1] / "_generated/gallery"
CHANNELS, SIDE = 32, 32  # of the map whose operations are counted
CORNER, WINDOW = (165, 205), 64  # of the photograph: a roof
DTYPE = "float32"
PARTS = ("reduce", "lowpass", "sample")


@cache
def compose_presets() -> Any:
    """Returns the presets of the gallery by name."""
    from research import config

    return config.compose("model.padding=circular", config="gallery").presets


@cache
def open_photograph() -> Any:
    """Returns a part of scikit-learn's photograph of a palace, grey, in [0, 1]."""
    from sklearn.datasets import load_sample_image

    (top, left), side = CORNER, WINDOW
    pixels = load_sample_image("china.jpg")[top : top + side, left : left + side]
    return (pixels @ [0.299, 0.587, 0.114] / 255).astype(DTYPE)[..., None]


def build(name: str, channels: int) -> Any:
    """Returns the downsampler of a preset, in evaluation mode."""
    from flax import nnx

    from research import config

    downsample = config.build(compose_presets()[name])(channels, rngs=nnx.Rngs(0))
    downsample.eval()
    return downsample


def draw(name: str) -> Path:
    """Draws what a preset makes of the photograph, and of its shift by a pixel."""
    import numpy as np
    from matplotlib.figure import Figure

    from research.downsample.response import shift_response
    from research.report.figures.gallery import PANELS, show

    image = open_photograph()
    response = shift_response(build(name, 1), image)._asdict()
    sizes = [np.linalg.norm(response[one]) for one in ("difference", "output")]
    titles = ["output", "image moved by 1 px", f"difference: {sizes[0] / sizes[1]:.0%}"]
    figure = Figure(figsize=(7.2, 2), layout="constrained")
    first, *others = figure.subplots(1, 1 + len(PANELS))
    show(first, image, 1.0, signed=False)
    first.set_title("image", fontsize=8)
    largest = max(float(np.abs(response[one]).max()) for one in PANELS)
    for axes, panel, title in zip(others, PANELS, titles, strict=True):
        show(axes, response[panel], largest, signed=panel == "difference")
        axes.set_title(title, fontsize=8)
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.png"
    figure.savefig(path, dpi=100)
    return path


def count(name: str) -> tuple[int, float]:
    """Returns the parameters, and the operations for each value of the map."""
    import jax
    from flax import nnx

    downsample = build(name, CHANNELS)
    shape = jax.ShapeDtypeStruct((1, SIDE, SIDE, CHANNELS), DTYPE)
    program = jax.jit(downsample).lower(shape).compile().cost_analysis()
    parameters = nnx.state(downsample, nnx.Param)
    sizes = [leaf.size for leaf in jax.tree.leaves(parameters)]
    return sum(sizes), float(program.get("flops", 0)) / (SIDE * SIDE * CHANNELS)


def describe(name: str) -> Iterator[str]:
    """Yields the lines of Markdown about a preset."""
    downsample = build(name, CHANNELS)
    parts = {
        word: getattr(downsample, word) for word in ("reduce", "lowpass", "sample")
    }
    sources = []
    for word, part in parts.items():
        text = inspect.getdoc(type(part)) or ""
        if type(part).__name__ != "Identity" and downsample.stride != (1, 1):
            line = text.split("\n\n")[0].replace("\n", " ")
            line = re.sub(r"\*(?!\*)", r"\\*", line).replace("|", r"\|")
            kind = f"{type(part).__module__}.{type(part).__qualname__}"
            yield f"- *{word}*: {line} {{py:class}}`{type(part).__name__} <{kind}>`"
        source = re.search(r"References:\n(.*?)(\n\n|\Z)", text, re.DOTALL)
        if source:
            sources.append(" ".join(source[1].split()))
    if downsample.stride == (1, 1):
        yield "- It does not downsample: stride 1 whatever the network asks for."
    parameters, operations = count(name)
    yield f"\n**Cost.** {parameters:,} parameters for {CHANNELS} channels, "
    yield f"{operations:.3g} operations for each value of a {SIDE}×{SIDE} map, "
    yield "as XLA counts them.\n"
    if sources:
        yield "**Source.** " + " ".join(sources)


class Preset(SphinxDirective):
    """`{preset} NAME`, in which stands when to use it."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Returns the picture, and the text about the preset."""
        name = self.arguments[0]
        if name not in compose_presets():
            raise self.error(f"{name}: conf/gallery.yaml has no such preset")
        path = draw(name)
        text = [
            f"![the image, and what `downsample={name}` makes of it]"
            f"(/docs/_generated/gallery/{path.name})\n",
            *describe(name),
            "\n**When.** " + " ".join(self.content),
        ]
        return self.parse_text_to_nodes("\n".join(text))


def setup(app: Sphinx) -> dict[str, bool]:
    """Adds the directive."""
    app.add_directive("preset", Preset)
    return {"parallel_read_safe": True}
