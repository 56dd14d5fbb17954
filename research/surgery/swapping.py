"""Swapping the operators of a PyTorch network while it runs.

What is swapped are calls, not modules: so it does not matter whether a network pools by
a module or by a function, or computes its padding itself, and nothing of it is changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from research.surgery.replacement import Kind, Operators, Replacement
from research.types import Stride

KINDS: Mapping[Any, Kind] = {
    functional.max_pool2d: "pooling",
    torch.max_pool2d: "pooling",
    torch.conv2d: "convolution",
}


class Swapping(TorchFunctionMode):
    """One pass of a network, within which its operators are swapped.

    Where a sampler chooses its phase by the map, the maps of one size and stride in a
    pass take the phase of the first, as a shortcut takes that of its main branch: else
    what is added up, or put side by side, would not lie at the same places.

    Args:
      replacement: says which.
      operators: by what.

    Attributes:
      found: how many operators of each kind were swapped.
    """

    def __init__(self, replacement: Replacement, operators: Operators):
        super().__init__()
        self.replacement = replacement
        self.operators = operators
        self.found: Counter[str] = Counter()
        self._leaders: dict[tuple[Any, ...], Any] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Calls a function of PyTorch, or what replaces it."""
        named = dict(kwargs or {})
        kind = KINDS.get(func)
        if kind is not None:
            dense, stride = (pool if kind == "pooling" else convolve)(*args, **named)
            if self.replacement.takes(kind, stride) and args[0].ndim == 4:
                y = dense()
                if all(n >= s for n, s in zip(y.shape[2:], stride, strict=True)):
                    self.found[kind] += 1
                    return self._downsample(y, stride)
        return func(*args, **named)

    def _downsample(self, x: torch.Tensor, stride: Stride) -> torch.Tensor:
        """Returns a map (B, C, H, W) downsampled by ours."""
        array = jnp.asarray(x.detach().float().cpu().numpy())
        coarse = [-(-n // s) for n, s in zip(x.shape[2:], stride, strict=True)]
        leader = self._leaders.setdefault((stride, *coarse), array)
        y = self.operators(stride, array, leader)
        return torch.from_numpy(np.array(y)).to(x.device, x.dtype)


class Swapped:
    """A PyTorch network whose operators are swapped at each call.

    Args:
      network: called with a batch (B, C, H, W).
      replacement: says which, and by what.

    Attributes:
      found: how many operators of each kind the last call swapped.
    """

    def __init__(self, network: Callable[[Any], Any], replacement: Replacement):
        self.network = network
        self.replacement = replacement
        self.operators = Operators(replacement)
        self.found: Counter[str] = Counter()

    def __call__(self, images: Any) -> Any:
        """Returns the network's answer."""
        with Swapping(self.replacement, self.operators) as swapping:
            answer = self.network(images)
        self.found = swapping.found
        return answer


def pool(
    input: torch.Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Callable[[], torch.Tensor], Stride]:
    """Returns what computes a max pooling at every position, and its stride.

    The parameters are PyTorch's. With `ceil_mode` the windows that go over the border
    are among the positions.
    """
    step = pair(stride if stride not in (None, [], ()) else kernel_size)
    window, pads, spread = (pair(one) for one in (kernel_size, padding, dilation))

    def dense() -> torch.Tensor:
        x = input
        more = [0, 0]
        if ceil_mode:
            spans = [d * (k - 1) + 1 for d, k in zip(spread, window, strict=True)]
            more = [
                reach(n, span, s, p)
                for n, span, s, p in zip(x.shape[2:], spans, step, pads, strict=True)
            ]
        sides = (pads[1], pads[1] + more[1], pads[0], pads[0] + more[0])
        x = functional.pad(x, sides, value=-torch.inf)
        return functional.max_pool2d(x, window, 1, 0, spread)

    del return_indices  # false: with indices it is another function
    return dense, step


def reach(size: int, span: int, stride: int, padding: int) -> int:
    """Returns how many rows beyond the padding the last window of `ceil_mode` needs.

    Args:
      size: of the map.
      span: of a window.
      stride: of the windows, of which none starts behind the map.
      padding: before and behind the map.
    """
    count = -(-(size + 2 * padding - span) // stride) + 1
    if (count - 1) * stride >= size + padding:
        count -= 1
    return max(0, (count - 1) * stride + span - size - 2 * padding)


def convolve(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> tuple[Callable[[], torch.Tensor], Stride]:
    """Returns what computes a convolution at every position, and its stride.

    The parameters are PyTorch's.
    """

    def dense() -> torch.Tensor:
        return torch.conv2d(input, weight, bias, 1, padding, dilation, groups)

    return dense, pair(stride)


def pair(value: Any) -> Stride:
    """Returns (height, width) of what PyTorch takes once or for both axes."""
    both = tuple(value) if isinstance(value, tuple | list | torch.Size) else (value,)
    return int(both[0]), int(both[-1])
