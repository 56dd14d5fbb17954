"""Wrappers: a classifier sees views of an image, and answers with their mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from research.types import Images, Map, Shape


@dataclass(frozen=True)
class Wrapper:
    """Says which views a classifier sees in the place of an image.

    The fields of a subclass are its parameters, one for each key of its YAML. Equal
    wrappers share compilations.

    Attributes:
      moves: whether content lies elsewhere in a view, and so would answers at every
        pixel.
    """

    moves: ClassVar[bool] = True

    def views(self, images: Images) -> Sequence[Map]:
        """Returns the views of each image, each of the size that `shape` says.

        Args:
          images: (B, H, W, C) in [0, 1].
        """
        raise NotImplementedError

    def shape(self, shape: Shape) -> Shape:
        """Returns the shape of a view of images of a shape.

        Raises:
          UserError: the images are too small; names the key to change.
        """
        return shape


class Wrapped(nnx.Module):
    """A network of ours in a wrapper.

    Args:
      network: images → a tree of arrays with a row for each.
      wrapper: says what it sees.
    """

    def __init__(self, network: nnx.Module, wrapper: Wrapper):
        self.network = network
        self.wrapper = wrapper

    def __call__(self, images: Images) -> Any:
        """Returns the mean answer to the views of each image."""
        flat = stack_views(self.wrapper, images)
        answers = self.network(flat)
        return jax.tree.map(partial(mean_of_views, images=len(images)), answers)

    def around(self, network: nnx.Module) -> Wrapped:
        """Returns another network in the same wrapper."""
        return Wrapped(network, self.wrapper)


class WrappedFunction:
    """A model of another library in a wrapper: NumPy goes in, NumPy comes out.

    An answer that is no tree of arrays with a row for each view is returned as it is,
    for the caller to refuse.

    Args:
      network: images (B, H, W, C), float32 in [0, 1] → arrays of any library.
      wrapper: says what it sees.
    """

    def __init__(self, network: Callable[..., Any], wrapper: Wrapper):
        self.network = network
        self.wrapper = wrapper
        self._stack = jax.jit(partial(stack_views, wrapper))

    def __call__(self, images: Any) -> Any:
        """Returns the mean answer to the views of each image."""
        flat = np.array(self._stack(jnp.asarray(images)))  # writable, for PyTorch
        answers = self.network(flat)
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(answers)]
        if not all(leaf.ndim and len(leaf) == len(flat) for leaf in leaves):
            return answers
        means = [mean_of_views(leaf, images=len(images)) for leaf in leaves]
        return jax.tree.unflatten(jax.tree.structure(answers), means)


def find_wrapped(predict: Callable[..., Any]) -> Wrapped | WrappedFunction | None:
    """Returns what is in a wrapper: a classifier, or the `function` that it calls."""
    for one in (predict, getattr(predict, "function", None)):
        if isinstance(one, Wrapped | WrappedFunction):
            return one
    return None


def shape_of(images: Images) -> Shape:
    """Returns the (height, width, channels) of an image."""
    height, width, channels = images.shape[1:]
    return height, width, channels


def stack_views(wrapper: Wrapper, images: Images) -> Map:
    """Returns the views of all images in one batch, those of one image in a row."""
    stacked = jnp.stack(wrapper.views(images), 1)
    return stacked.reshape(-1, *stacked.shape[2:])


def mean_of_views(answers: Any, *, images: int) -> Any:
    """Returns the mean answer to each image, (B, …), in the dtype of the answers.

    Args:
      answers: (B · views, …), those of one image in a row; of one view each, they are
        returned as they are.
      images: B.
    """
    if len(answers) == images:
        return answers
    return answers.reshape(images, -1, *answers.shape[1:]).mean(1, dtype=answers.dtype)
