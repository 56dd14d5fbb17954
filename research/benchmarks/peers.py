"""The same networks and downsamplers in PyTorch, channels-last, written to be fast."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import jax

from research.benchmarks.timing import Subject
from research.errors import UserError

Tensor = Any  # of PyTorch, which is no requirement


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
            "pip install -e '.[peers]', or set peers=false"
        ) from None
    torch.set_num_threads(jax.device_count())
    return torch


def chollet(batch: int) -> tuple[Subject, Subject]:
    """`model=chollet` on 28×28×1."""
    nn = pytorch().nn
    convolutions = []
    for inputs, outputs, pooled in ((1, 32, True), (32, 64, True), (64, 64, False)):
        convolutions += [nn.Conv2d(inputs, outputs, 3), nn.ReLU()]
        convolutions += [nn.MaxPool2d(2)] if pooled else []
    head = [nn.Flatten(), nn.Linear(576, 64), nn.ReLU(), nn.Linear(64, 10)]
    return trained(nn.Sequential(*convolutions, *head), (batch, 1, 28, 28))


def resnet20(batch: int) -> tuple[Subject, Subject]:
    """`model=resnet20` on 32×32×3."""
    return trained(residual_network(), (batch, 3, 32, 32))


def residual_network(padding: str = "zeros") -> Any:
    """ResNet-20 (He 2016) with option-A shortcuts."""
    torch = pytorch()
    nn, relu = torch.nn, torch.nn.functional.relu
    conv = partial(nn.Conv2d, padding=1, padding_mode=padding, bias=False)

    class Block(nn.Module):
        def __init__(self, inputs: int, width: int, stride: int):
            super().__init__()
            self.first = conv(inputs, width, 3, stride)
            self.second = conv(width, width, 3)
            self.norms = nn.ModuleList([nn.BatchNorm2d(width) for _ in range(2)])
            self.stride, self.added = stride, width - inputs

        def forward(self, x: Tensor) -> Tensor:
            y = relu(self.norms[0](self.first(x)), inplace=True)
            y = self.norms[1](self.second(y))
            if self.added:
                x = x[:, :, :: self.stride, :: self.stride]
                x = nn.functional.pad(x, (0, 0, 0, 0, 0, self.added))
            return relu(y + x, inplace=True)

    layers, inputs = [conv(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(inplace=True)], 16
    for width in (16, 32, 64):
        for index in range(3):
            layers.append(Block(inputs, width, 2 if inputs < width else 1))
            inputs = width if index == 0 else inputs
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(*layers)


def trained(network: Any, shape: tuple[int, ...]) -> tuple[Subject, Subject]:
    """Returns a training step by Adam and a forward pass, on fixed noise."""
    torch = pytorch()
    network = network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), foreach=True)
    images = torch.rand(shape).to(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, shape[:1])

    def step() -> None:
        network.train()
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()

    return step, lambda: forward(network, images)


def forward(network: Any, images: Tensor) -> None:
    """Runs a network in inference mode."""
    network.eval()
    with pytorch().inference_mode():
        network(images)


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


def maximum(channels: int) -> list[Callable[[Tensor], Tensor]]:
    """Max pooling."""
    return [pytorch().nn.MaxPool2d(2)]


def average(channels: int) -> list[Callable[[Tensor], Tensor]]:
    """Average pooling."""
    return [pytorch().nn.AvgPool2d(2)]


def norm(channels: int) -> list[Callable[[Tensor], Tensor]]:
    """ℓ2 pooling: PyTorch's own, and by average pooling."""
    functional = pytorch().nn.functional
    return [
        lambda x: functional.lp_pool2d(x, 2.0, 2),
        lambda x: (4 * functional.avg_pool2d(x * x, 2) + 1e-12).sqrt(),
    ]


def median(channels: int) -> list[Callable[[Tensor], Tensor]]:
    """The median of 2×2: by sorting, and as sum − maximum − minimum."""
    torch = pytorch()

    def sort(x: Tensor) -> Tensor:
        windows = x.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
        return windows.sort(-1).values[..., 1:3].mean(-1)

    def direct(x: Tensor) -> Tensor:
        a, b, c, d = (x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1))
        top = torch.maximum(torch.maximum(a, b), torch.maximum(c, d))
        low = torch.minimum(torch.minimum(a, b), torch.minimum(c, d))
        return (a + b + c + d - top - low) / 2

    return [sort, direct]


def soft(channels: int) -> list[Callable[[Tensor], Tensor]]:
    """SoftPool (Stergiou 2021) by two average poolings, as its public code has it."""
    pool = pytorch().nn.AvgPool2d(2)

    def softpool(x: Tensor) -> Tensor:
        weight = x.exp()
        return pool(weight * x) / pool(weight)

    return [softpool]


def blur(channels: int) -> list[Callable[[Tensor], Tensor]]:
    """Zhang 2019: reflect padding and a depthwise convolution; and as shifted adds."""
    torch = pytorch()
    functional = torch.nn.functional
    row = torch.tensor([1.0, 2.0, 1.0]) / 4
    taps = torch.outer(row, row).repeat(channels, 1, 1, 1)

    def public(x: Tensor) -> Tensor:
        padded = functional.pad(x, (1, 1, 1, 1), "reflect")
        return functional.conv2d(padded, taps, stride=2, groups=channels)

    def direct(x: Tensor) -> Tensor:
        x = functional.pad(x, (1, 1, 1, 1), "reflect")
        x = (x[:, :, :-2:2] + 2 * x[:, :, 1:-1:2] + x[:, :, 2::2]) / 4
        return (x[..., :-2:2] + 2 * x[..., 1:-1:2] + x[..., 2::2]) / 4

    return [public, direct]


def max_blur(channels: int) -> list[Callable[[Tensor], Tensor]]:
    """Zhang 2019: a dense maximum, then the blur."""
    pool = pytorch().nn.MaxPool2d(2, stride=1)
    return [partial(chained, pool, blurred) for blurred in blur(channels)]


def strided(channels: int) -> list[Callable[[Tensor], Tensor]]:
    """A learned 3×3 convolution with stride 2 and its activation."""
    nn = pytorch().nn
    conv = nn.Conv2d(channels, channels, 3, 2)
    conv.requires_grad_(False)
    return [nn.Sequential(conv.to(memory_format=pytorch().channels_last), nn.ReLU())]


def aps(channels: int) -> list[Callable[[Tensor], Tensor]]:
    """Chaman & Dokmanić 2021: the phase with the largest ℓ2 norm, gathered."""
    torch = pytorch()

    def choose(x: Tensor) -> Tensor:
        views = [x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
        phases = torch.stack(views, 1)
        best = phases.flatten(2).norm(dim=2).argmax(1)
        return phases[torch.arange(len(x)), best]

    return [choose]


def chained(first: Callable, second: Callable, x: Tensor) -> Tensor:
    """second(first(x))."""
    return second(first(x))
