"""The same downsamplers in PyTorch, channels-last, in their public and a direct form.

Each factory takes the number of channels and returns ways to write one downsampler; the
fastest takes part in the race.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from research.benchmarks.peers import pytorch
from research.benchmarks.timing import Subject
from research.nn.signal import band

Tensor = Any  # of PyTorch, which is no requirement
Ways = list[Callable[[Tensor], Tensor]]


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


def maximum(channels: int) -> Ways:
    """Max pooling."""
    return [pytorch().nn.MaxPool2d(2)]


def average(channels: int) -> Ways:
    """Average pooling."""
    return [pytorch().nn.AvgPool2d(2)]


def norm(channels: int) -> Ways:
    """ℓ2 pooling: PyTorch's own, and by average pooling."""
    functional = pytorch().nn.functional
    return [
        lambda x: functional.lp_pool2d(x, 2.0, 2),
        lambda x: (4 * functional.avg_pool2d(x * x, 2) + 1e-12).sqrt(),
    ]


def median(channels: int) -> Ways:
    """The median of 2×2: by sorting, and as sum − maximum − minimum."""
    torch = pytorch()

    def sort(x: Tensor) -> Tensor:
        windows = x.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
        return windows.sort(-1).values[..., 1:3].mean(-1)

    def direct(x: Tensor) -> Tensor:
        a, b, c, d = phases(x)
        top = torch.maximum(torch.maximum(a, b), torch.maximum(c, d))
        low = torch.minimum(torch.minimum(a, b), torch.minimum(c, d))
        return (a + b + c + d - top - low) / 2

    return [sort, direct]


def soft(channels: int) -> Ways:
    """SoftPool (Stergiou 2021) by two average poolings, as its public code has it."""
    pool = pytorch().nn.AvgPool2d(2)

    def softpool(x: Tensor) -> Tensor:
        weight = x.exp()
        return pool(weight * x) / pool(weight)

    return [softpool]


def blur(channels: int, stride: int = 2) -> Ways:
    """Zhang 2019: reflect padding and a depthwise convolution; and as shifted adds."""
    torch = pytorch()
    functional = torch.nn.functional
    row = torch.tensor([1.0, 2.0, 1.0]) / 4
    taps = torch.outer(row, row).repeat(channels, 1, 1, 1)

    def public(x: Tensor) -> Tensor:
        padded = functional.pad(x, (1, 1, 1, 1), "reflect")
        return functional.conv2d(padded, taps, stride=stride, groups=channels)

    def direct(x: Tensor) -> Tensor:
        x = functional.pad(x, (1, 1, 1, 1), "reflect")
        a, b, c = (x[:, :, i : x.shape[2] - 2 + i : stride] for i in range(3))
        x = (a + 2 * b + c) / 4
        a, b, c = (x[..., i : x.shape[3] - 2 + i : stride] for i in range(3))
        return (a + 2 * b + c) / 4

    return [public, direct]


def max_blur(channels: int) -> Ways:
    """Zhang 2019: a dense maximum, then the blur."""
    pool = pytorch().nn.MaxPool2d(2, stride=1)
    return [partial(chained, pool, blurred) for blurred in blur(channels)]


def strided(channels: int) -> Ways:
    """A learned 3×3 convolution with stride 2 and its activation."""
    nn = pytorch().nn
    conv = nn.Conv2d(channels, channels, 3, 2)
    conv.requires_grad_(False)
    return [nn.Sequential(conv.to(memory_format=pytorch().channels_last), nn.ReLU())]


def aps(channels: int) -> Ways:
    """Chaman & Dokmanić 2021: the phase with the largest ℓ2 norm, gathered."""
    return [lambda x: largest(x, x)]


def largest(x: Tensor, filtered: Tensor) -> Tensor:
    """Returns the phase of the filtered map whose own, unfiltered, is the largest."""
    torch = pytorch()
    norms = torch.stack([phase.flatten(1).norm(dim=1) for phase in phases(x)], 1)
    chosen = norms.argmax(1)
    return torch.stack(phases(filtered), 1)[torch.arange(len(x)), chosen]


def maximum3(channels: int) -> Ways:
    """Max pooling of overlapping 3×3 windows."""
    return [pytorch().nn.MaxPool2d(3, 2)]


def decimate(channels: int) -> Ways:
    """Every second row and column."""
    return [lambda x: x[:, :, ::2, ::2].contiguous()]


def space_to_depth(channels: int) -> Ways:
    """All four phases, as channels."""
    return [lambda x: pytorch().nn.functional.pixel_unshuffle(x, 2)]


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
        drawn = torch.multinomial(values.detach().reshape(-1, 4) + 1e-12, 1)
        return values.gather(4, drawn.reshape(*values.shape[:4], 1))[..., 0]

    def direct(x: Tensor) -> Tensor:
        a, b, c, d = (phase.relu() for phase in phases(x))
        ab = a + b
        abc = ab + c
        point = torch.rand_like(a) * (abc + d).detach()
        later = torch.where(point < abc, c, d)
        return torch.where(point < a, a, torch.where(point < ab, b, later))

    return [public, direct]


def haar(channels: int) -> Ways:
    """The LL band of a Haar transform: twice the average."""
    pool = pytorch().nn.AvgPool2d(2)
    return [lambda x: 2 * pool(x)]


def ideal(channels: int) -> Ways:
    """Spectral pooling (Rippel 2015) by Fourier transforms; by matrices, as ours."""
    torch = pytorch()

    def public(x: Tensor) -> Tensor:
        height, width = x.shape[2] // 2, x.shape[3] // 2
        spectrum = torch.fft.rfft2(x)[..., : width // 2 + 1]
        half = height // 2
        kept = torch.cat([spectrum[:, :, :half], spectrum[:, :, -half:]], 2).clone()
        kept[:, :, half], kept[..., -1] = 0, 0
        return torch.fft.irfft2(kept, s=(height, width)) / 4

    def direct(x: Tensor) -> Tensor:
        rows, columns = (
            torch.tensor(band(size, 2, nyquist=False).real[::2]).float()
            for size in x.shape[2:]
        )
        return torch.einsum("ih,jw,bchw->bcij", rows, columns, x)

    return [public, direct]


def flc(channels: int) -> Ways:
    """FrequencyLowCut pooling (Grabinski 2022), by Fourier transforms."""
    fft = pytorch().fft

    def public(x: Tensor) -> Tensor:
        height, width = x.shape[2] // 4, x.shape[3] // 4
        low = fft.fftshift(fft.fft2(x, norm="forward"), dim=(2, 3))
        low = low[:, :, height:-height, width:-width]
        return fft.ifft2(fft.ifftshift(low, dim=(2, 3)), norm="forward").real

    return [public]


def strided_blur(channels: int) -> Ways:
    """Zhang 2019: a dense convolution, its activation, then the blur."""
    nn = pytorch().nn
    conv = nn.Conv2d(channels, channels, 3)
    conv.requires_grad_(False)
    conv = nn.Sequential(conv.to(memory_format=pytorch().channels_last), nn.ReLU())
    return [partial(chained, conv, blurred) for blurred in blur(channels)]


def adaptive_blur(channels: int) -> Ways:
    """Zou 2020: kernels predicted for each position, applied to unfolded windows."""
    torch = pytorch()
    functional, groups = torch.nn.functional, 8
    conv = torch.nn.Conv2d(channels, 9 * groups, 3, 2, bias=False)
    norm = torch.nn.BatchNorm2d(9 * groups)
    predict = torch.nn.Sequential(conv, norm).to(memory_format=torch.channels_last)
    predict.requires_grad_(False)

    def public(x: Tensor) -> Tensor:
        padded = functional.pad(x, (1, 1, 1, 1), "reflect")
        batch, _, height, width = x.shape
        height, width = height // 2, width // 2
        taps = predict(padded).reshape(batch, groups, 1, 9, height, width).softmax(3)
        seen = functional.unfold(padded, 3, stride=2)
        seen = seen.reshape(batch, groups, -1, 9, height, width)
        return (seen * taps).sum(3).reshape(batch, -1, height, width)

    return [public]


def max_aps(channels: int) -> Ways:
    """A dense circular maximum, then the phase with the largest norm."""
    functional = pytorch().nn.functional

    def pool(x: Tensor) -> Tensor:
        return functional.max_pool2d(functional.pad(x, (0, 1, 0, 1), "circular"), 2, 1)

    (choose,) = aps(channels)
    return [partial(chained, pool, choose)]


def blur_aps(channels: int) -> Ways:
    """The phase with the largest norm, of the blurred map."""
    ways = blur(channels, stride=1)
    return [lambda x, dense=dense: largest(x, dense(x)) for dense in ways]


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
    return [partial(chained, dense, mix) for dense in blur(channels, stride=1)]


def random_phase(channels: int) -> Ways:
    """A phase drawn for each example."""
    torch = pytorch()

    def draw(x: Tensor) -> Tensor:
        drawn = torch.randint(0, 4, (len(x),))
        return torch.stack(phases(x), 1)[torch.arange(len(x)), drawn]

    return [draw]


def phases(x: Tensor) -> list[Tensor]:
    """The four polyphase components."""
    return [x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]


def chained(first: Callable, second: Callable, x: Tensor) -> Tensor:
    """second(first(x))."""
    return second(first(x))
