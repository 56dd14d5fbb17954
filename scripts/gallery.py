"""Draws the gallery: `python scripts/gallery.py [data=digits] [example=0] [out=…]`.

One image through every downsampler, and what a shift by one pixel leaves of it.
"""

from __future__ import annotations

from pathlib import Path

from command import command
from omegaconf import DictConfig


@command("gallery")
def main(cfg: DictConfig) -> None:
    """Computes the maps of every preset and saves the figure."""
    import jax.numpy as jnp
    from flax import nnx

    from research import config
    from research.distributed import devices
    from research.downsample.response import shift_response
    from research.errors import UserError
    from research.progress import say
    from research.report.figures import gallery, style

    devices.prepare(cfg.root)
    for key, least in (("columns", 1), ("seed", 0)):
        if cfg[key] < least:
            raise UserError(f"{key}={cfg[key]}: takes {least} or more")
    split = config.data(cfg).split(cfg.split)
    if not 0 <= cfg.example < len(split):
        raise UserError(
            f"example={cfg.example}: split={cfg.split} has examples 0 to "
            f"{len(split) - 1}"
        )
    image = jnp.asarray(split.images[cfg.example], jnp.float32) / 255
    maps = {}
    for name, preset in cfg.presets.items():
        downsample = config.build(preset)(image.shape[-1], rngs=nnx.Rngs(cfg.seed))
        downsample.eval()
        maps[name] = shift_response(downsample, image)._asdict()
    figure = gallery.draw(maps, columns=cfg.columns)
    say("wrote " + ", ".join(map(str, style.save(figure, Path(cfg.out)))))


if __name__ == "__main__":
    main()
