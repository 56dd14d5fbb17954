"""The same networks in PyTorch, channels-last, written to be fast.

A factory of peers is `peer(batch, dtype=…, mode=…) → (step, forward)`: see
`make_subjects`.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import Any, Literal

from research.benchmarks.peers import library
from research.benchmarks.peers.library import Tensor, pytorch
from research.benchmarks.timing import Subject


def chollet(batch: int, **how: Any) -> tuple[Subject, Subject]:
    """`model=chollet` on 28×28×1."""
    nn = pytorch().nn
    convolutions = []
    for inputs, outputs, pooled in ((1, 32, True), (32, 64, True), (64, 64, False)):
        convolutions += [nn.Conv2d(inputs, outputs, 3), nn.ReLU()]
        convolutions += [nn.MaxPool2d(2)] if pooled else []
    head = [nn.Flatten(), nn.Linear(576, 64), nn.ReLU(), nn.Linear(64, 10)]
    network = nn.Sequential(*convolutions, *head)
    return make_subjects(network, (batch, 1, 28, 28), **how)


def resnet20(batch: int, **how: Any) -> tuple[Subject, Subject]:
    """`model=resnet20` on 32×32×3."""
    return make_subjects(residual_network(), (batch, 3, 32, 32), **how)


def residual_network(padding: Literal["zeros", "circular"] = "zeros") -> Any:
    """ResNet-20 (He 2016) with option-A shortcuts."""
    pytorch()
    from torch import nn
    from torch.nn.functional import relu

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


def make_subjects(
    network: Any,
    shape: tuple[int, ...],
    *,
    dtype: str = "float32",
    mode: str | None = None,
) -> tuple[Subject, Subject]:
    """Returns a training step by Adam and a forward pass, on fixed noise.

    Parameters stay float32 in training, where the step computes in `dtype` by autocast;
    the forward pass has them in `dtype`, cast once.

    Args:
      network: in PyTorch.
      shape: (N, C, H, W) of the images.
      dtype: of the computation.
      mode: of `torch.compile`; None: PyTorch runs it call by call.
    """
    torch = pytorch()
    device = library.device()
    network = network.to(device, memory_format=torch.channels_last)
    fast = {"fused": True} if device == "cuda" else {"foreach": True}
    optimizer = torch.optim.Adam(network.parameters(), **fast)
    kind = getattr(torch, dtype)
    images = torch.rand(shape, device=device).to(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, shape[:1], device=device)
    fixed = copy.deepcopy(network).eval().to(kind)
    cast = images.to(kind)
    if mode is not None:
        network = torch.compile(network, mode=mode)
        fixed = torch.compile(fixed, mode=mode)

    def step() -> None:
        network.train()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, kind, enabled=dtype != "float32"):
            loss = torch.nn.functional.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()

    return library.subject(step), library.subject(partial(forward, fixed, cast))


def forward(network: Any, images: Tensor) -> None:
    """Runs a network in inference mode."""
    with pytorch().inference_mode():
        network(images)
