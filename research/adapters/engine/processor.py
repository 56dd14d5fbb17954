"""What an image processor of Hugging Face transformers says of preprocessing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from research.adapters.engine.description import Description
from research.adapters.engine.options import Interpolation

RESAMPLING: dict[int, Interpolation] = {  # Pillow's numbers
    0: "nearest",
    1: "lanczos",
    2: "bilinear",
    3: "bicubic",
}


def read_processor(transformers: Any, address: str) -> Mapping[str, Any] | None:
    """Returns the keys of an image processor; None where a model has none."""
    try:
        found, _ = transformers.ImageProcessingMixin.get_image_processor_dict(address)
    except OSError:
        return None
    return found


def describe_processor(processor: Mapping[str, Any] | None, config: Any) -> Description:
    """Returns the images that a model takes.

    Args:
      processor: keys of its image processor; None: it has none, and says nothing of
        mean and standard deviation.
      config: of the model.
    """
    vision = getattr(config, "vision_config", config)
    channels = int(getattr(vision, "num_channels", 3))
    own = sides(getattr(vision, "image_size", None))
    if processor is None:
        return Description(size=own, channels=channels, mean=None, std=None)
    size, short = find_size(processor)
    crop = processor.get("crop_pct") or 1.0
    if size is not None and short:
        crop = size[0] / short
    unit = 255.0  # a white pixel before mean and standard deviation
    if processor.get("do_rescale", True):
        unit *= processor.get("rescale_factor", 1 / 255)
    mean, std = [0.0], [1.0]
    if processor.get("do_normalize", True):
        mean, std = processor["image_mean"], processor["image_std"]
    return Description(
        size=size or own,
        channels=channels,
        mean=tuple(float(one) / unit for one in mean),
        std=tuple(float(one) / unit for one in std),
        interpolation=RESAMPLING.get(processor.get("resample", 3), "bicubic"),
        crop=min(1.0, float(crop)),
    )


def find_size(
    processor: Mapping[str, Any],
) -> tuple[tuple[int, int] | None, int | None]:
    """Returns (height, width) of what a network gets, and the short side before."""
    scaled = processor.get("size") if processor.get("do_resize", True) else None
    short = scaled.get("shortest_edge") if isinstance(scaled, Mapping) else None
    if processor.get("do_center_crop"):
        return sides(processor.get("crop_size")), short
    return sides(short or scaled), None


def sides(size: Any) -> tuple[int, int] | None:
    """Returns (height, width) of a side, of both, or of keys of these names."""
    if isinstance(size, Mapping):
        return sides(
            size.get("shortest_edge") or [size.get("height"), size.get("width")]
        )
    if isinstance(size, int):
        return size, size
    if isinstance(size, list | tuple) and all(isinstance(one, int) for one in size):
        height, width = size
        return height, width
    return None
