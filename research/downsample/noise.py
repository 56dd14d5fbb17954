"""The source of random keys for the parts of a downsampler."""

from __future__ import annotations

from flax import nnx
from jaxtyping import Array, Key


class Noise(nnx.Module):
    """A stream of random keys that evaluation turns off.

    Modules hold one and ask `deterministic`, which `Module.eval()`, `Module.train()`
    and `nnx.view(module, deterministic=…)` set as they do for dropout, whose stream it
    shares.

    Args:
      rngs: the stream is forked from `dropout`.
    """

    def __init__(self, rngs: nnx.Rngs):
        self.deterministic = False
        self.stream = rngs["dropout"].fork()

    def __call__(self) -> Key[Array, ""]:
        """Returns the next key."""
        return self.stream()

    def set_view(self, deterministic: bool | None = None) -> None:
        """Called by `nnx.view`.

        Args:
          deterministic: whether to draw nothing; None leaves it.
        """
        if deterministic is not None:
            self.deterministic = deterministic
