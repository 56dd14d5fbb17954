"""Peers of the reduces: pooling over windows that tile the map, or overlap."""

from __future__ import annotations

from research.benchmarks.peers.library import Tensor, Ways, phases, pytorch


def maximum(channels: int, window: int = 2) -> Ways:
    """Max pooling."""
    return [pytorch().nn.MaxPool2d(window, 2)]


def maximum3(channels: int) -> Ways:
    """Max pooling of overlapping 3×3 windows."""
    return [pytorch().nn.MaxPool2d(3, 2)]


def average(channels: int, window: int = 2) -> Ways:
    """Average pooling."""
    return [pytorch().nn.AvgPool2d(window, 2)]


def norm(channels: int) -> Ways:
    """ℓ2 pooling: PyTorch's own, and by average pooling."""
    functional = pytorch().nn.functional
    return [
        lambda x: functional.lp_pool2d(x, 2.0, 2),
        lambda x: (4 * functional.avg_pool2d(x * x, 2) + 1e-12).sqrt(),
    ]


def median(channels: int, window: int = 2) -> Ways:
    """The median: by sorting, and of 2×2 as sum − maximum − minimum."""
    torch = pytorch()
    count = window**2
    middle = slice((count - 1) // 2, count // 2 + 1)

    def sort(x: Tensor) -> Tensor:
        windows = x.unfold(2, window, 2).unfold(3, window, 2).flatten(4)
        return windows.sort(-1).values[..., middle].mean(-1)

    def select(x: Tensor) -> Tensor:
        windows = x.unfold(2, window, 2).unfold(3, window, 2).flatten(4)
        return windows.median(-1).values

    def direct(x: Tensor) -> Tensor:
        a, b, c, d = phases(x)
        top = torch.maximum(torch.maximum(a, b), torch.maximum(c, d))
        low = torch.minimum(torch.minimum(a, b), torch.minimum(c, d))
        return (a + b + c + d - top - low) / 2

    # The library's own takes the lower of two in the middle, another value.
    return [sort, direct] if window == 2 else [sort, *[select] * (count % 2)]


def soft(channels: int) -> Ways:
    """SoftPool (Stergiou 2021) by two average poolings, as its public code has it."""
    pool = pytorch().nn.AvgPool2d(2)

    def softpool(x: Tensor) -> Tensor:
        weight = x.exp()
        return pool(weight * x) / pool(weight)

    return [softpool]


def mixed(channels: int) -> Ways:
    """Lee 2016: a learned mixture of maximum and average."""
    functional = pytorch().nn.functional
    share = pytorch().tensor(0.5)
    return [
        lambda x: (
            share * functional.max_pool2d(x, 2)
            + (1 - share) * functional.avg_pool2d(x, 2)
        )
    ]


def stochastic(channels: int) -> Ways:
    """Zeiler & Fergus 2013, in training: drawn by multinomial; by a running sum."""
    torch = pytorch()

    def public(x: Tensor) -> Tensor:
        values = x.relu().unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
        drawn = torch.multinomial(values.detach().float().reshape(-1, 4) + 1e-12, 1)
        return values.gather(4, drawn.reshape(*values.shape[:4], 1))[..., 0]

    def direct(x: Tensor) -> Tensor:
        a, b, c, d = (phase.relu() for phase in phases(x))
        ab = a + b
        abc = ab + c
        point = torch.rand_like(a) * (abc + d).detach()
        later = torch.where(point < abc, c, d)
        return torch.where(point < a, a, torch.where(point < ab, b, later))

    return [public, direct]


def strided(channels: int) -> Ways:
    """A learned 3×3 convolution with stride 2 and its activation."""
    nn = pytorch().nn
    conv = nn.Conv2d(channels, channels, 3, 2)
    conv.requires_grad_(False)
    return [nn.Sequential(conv.to(memory_format=pytorch().channels_last), nn.ReLU())]
