"""Peers of the samplers: which of the four phases are kept, and how it is chosen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from research.benchmarks.peers.library import Tensor, Ways, compose, phases, pytorch
from research.benchmarks.peers.lowpass import blur


def decimate(channels: int) -> Ways:
    """Every second row and column."""
    return [lambda x: x[:, :, ::2, ::2].contiguous()]


def space_to_depth(channels: int) -> Ways:
    """All four phases, as channels."""
    return [lambda x: pytorch().nn.functional.pixel_unshuffle(x, 2)]


def random_phase(channels: int) -> Ways:
    """A phase drawn for each example."""
    torch = pytorch()

    def draw(x: Tensor) -> Tensor:
        drawn = torch.randint(0, 4, (len(x),), device=x.device)
        return pick(x, drawn)

    return [draw]


def aps(channels: int) -> Ways:
    """Chaman & Dokmanić 2021: the phase with the largest ℓ2 norm, gathered."""
    return [lambda x: largest(x, x)]


def max_aps(channels: int) -> Ways:
    """A dense circular maximum, then the phase with the largest norm."""
    functional = pytorch().nn.functional

    def pool(x: Tensor) -> Tensor:
        return functional.max_pool2d(functional.pad(x, (0, 1, 0, 1), "circular"), 2, 1)

    (choose,) = aps(channels)
    return [partial(compose, pool, choose)]


def blur_aps(channels: int) -> Ways:
    """The phase with the largest norm, of the blurred map."""
    ways = blur(channels, stride=1)
    return [partial(largest_filtered, dense) for dense in ways]


def lps(channels: int) -> Ways:
    """Rojas-Gomez 2022, in training: phases mixed by Gumbel softmax of their scores."""
    torch = pytorch()
    conv = partial(
        torch.nn.Conv2d, channels, channels, 3, padding=1, padding_mode="circular"
    )
    score = torch.nn.Sequential(conv(), torch.nn.ReLU(), conv(bias=False))
    score = score.requires_grad_(False).to(memory_format=torch.channels_last)

    def public(x: Tensor) -> Tensor:
        views = torch.stack(phases(x), 1)
        logits = score(views.flatten(0, 1)).mean((1, 2, 3)).reshape(len(x), -1)
        weights = torch.nn.functional.gumbel_softmax(logits)
        return (views * weights[:, :, None, None, None]).sum(1)

    return [public]


def blur_lps(channels: int) -> Ways:
    """The dense blur, then phases mixed by their scores."""
    (mix,) = lps(channels)
    return [partial(compose, dense, mix) for dense in blur(channels, stride=1)]


def largest_filtered(dense: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Returns the phase of the filtered map that is the largest of the map itself."""
    return largest(x, dense(x))


def largest(x: Tensor, filtered: Tensor) -> Tensor:
    """Returns the phase of the filtered map whose own, unfiltered, is the largest."""
    torch = pytorch()
    norms = torch.stack([phase.flatten(1).norm(dim=1) for phase in phases(x)], 1)
    chosen = norms.argmax(1)
    return pick(filtered, chosen)


def pick(x: Tensor, chosen: Tensor) -> Tensor:
    """Returns one phase of each example."""
    torch = pytorch()
    each = torch.arange(len(x), device=x.device)
    return torch.stack(phases(x), 1)[each, chosen]
