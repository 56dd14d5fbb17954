"""PyTorch, where it is installed, and what peers of downsamplers are made of.

A factory of peers takes the number of channels and returns ways to write one
downsampler, in its public and a direct form; the fastest takes part in the race.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax

from research.benchmarks.timing import Subject
from research.errors import UserError

Tensor = Any  # of PyTorch, which is no requirement
Ways = list[Callable[[Tensor], Tensor]]


def pytorch() -> ModuleType:
    """Returns PyTorch, set to as many threads as JAX has devices here.

    Raises:
      UserError: it is not installed.
    """
    try:
        import torch
    except ImportError:
        raise UserError(
            "PyTorch is not installed, and benchmarks compare with it: "
            "make install EXTRAS=peers, or set peers=false"
        ) from None
    torch.set_num_threads(jax.device_count())
    return torch


def both_ways(down: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> Subject:
    """Returns a downsampler's forward pass and its gradient, on fixed noise."""
    torch = pytorch()
    last = torch.channels_last
    x = torch.randn(shape).to(memory_format=last).requires_grad_()
    given = torch.randn(down(x).shape).to(memory_format=last)

    def run() -> None:
        x.grad = None
        down(x).backward(given)

    return run


def phases(x: Tensor) -> list[Tensor]:
    """Returns the four polyphase components."""
    return [x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]


def compose(
    first: Callable[[Tensor], Tensor], second: Callable[[Tensor], Tensor], x: Tensor
) -> Tensor:
    """Returns second(first(x))."""
    return second(first(x))
