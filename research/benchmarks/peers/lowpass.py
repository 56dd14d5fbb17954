"""Peers of the lowpasses, alone and after a maximum or a convolution.

PyTorch has Fourier transforms of float32 but not of bfloat16.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from research.benchmarks.peers.library import Tensor, Ways, compose, pytorch
from research.nn.signal import band


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
    return [partial(compose, pool, blurred) for blurred in blur(channels)]


def strided_blur(channels: int) -> Ways:
    """Zhang 2019: a dense convolution, its activation, then the blur."""
    nn = pytorch().nn
    conv = nn.Conv2d(channels, channels, 3)
    conv.requires_grad_(False)
    conv = nn.Sequential(conv.to(memory_format=pytorch().channels_last), nn.ReLU())
    return [partial(compose, conv, blurred) for blurred in blur(channels)]


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


def haar(channels: int) -> Ways:
    """The LL band of a Haar transform: twice the average."""
    pool = pytorch().nn.AvgPool2d(2)
    return [lambda x: 2 * pool(x)]


def ideal(channels: int) -> Ways:
    """Spectral pooling (Rippel 2015) by Fourier transforms; by matrices, as ours."""
    torch = pytorch()

    def public(x: Tensor) -> Tensor:
        height, width = x.shape[2] // 2, x.shape[3] // 2
        spectrum = torch.fft.rfft2(x.float())[..., : width // 2 + 1]
        half = height // 2
        kept = torch.cat([spectrum[:, :, :half], spectrum[:, :, -half:]], 2).clone()
        kept[:, :, half], kept[..., -1] = 0, 0
        return (torch.fft.irfft2(kept, s=(height, width)) / 4).to(x.dtype)

    @cache
    def matrix(size: int, device: Any, dtype: Any) -> Tensor:
        values = band(size, 2, nyquist=False).real[::2]
        return torch.tensor(values, device=device, dtype=dtype)

    def direct(x: Tensor) -> Tensor:
        rows, columns = (matrix(size, x.device, x.dtype) for size in x.shape[2:])
        return torch.einsum("ih,jw,bchw->bcij", rows, columns, x)

    return [public, direct]


def flc(channels: int) -> Ways:
    """FrequencyLowCut pooling (Grabinski 2022), by Fourier transforms."""
    fft = pytorch().fft

    def public(x: Tensor) -> Tensor:
        height, width = x.shape[2] // 4, x.shape[3] // 4
        low = fft.fftshift(fft.fft2(x.float(), norm="forward"), dim=(2, 3))
        low = low[:, :, height:-height, width:-width]
        found = fft.ifft2(fft.ifftshift(low, dim=(2, 3)), norm="forward").real
        return found.to(x.dtype)

    return [public]
