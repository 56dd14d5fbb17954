"""The same networks in PyTorch, channels-last, written to be fast."""

from __future__ import annotations

from functools import partial
from typing import Any

from research.benchmarks.peers.library import Tensor, pytorch
from research.benchmarks.timing import Subject


def chollet(batch: int) -> tuple[Subject, Subject]:
    """`model=chollet` on 28×28×1."""
    nn = pytorch().nn
    convolutions = []
    for inputs, outputs, pooled in ((1, 32, True), (32, 64, True), (64, 64, False)):
        convolutions += [nn.Conv2d(inputs, outputs, 3), nn.ReLU()]
        convolutions += [nn.MaxPool2d(2)] if pooled else []
    head = [nn.Flatten(), nn.Linear(576, 64), nn.ReLU(), nn.Linear(64, 10)]
    return make_subjects(nn.Sequential(*convolutions, *head), (batch, 1, 28, 28))


def resnet20(batch: int) -> tuple[Subject, Subject]:
    """`model=resnet20` on 32×32×3."""
    return make_subjects(residual_network(), (batch, 3, 32, 32))


def residual_network(padding: str = "zeros") -> Any:
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


def make_subjects(network: Any, shape: tuple[int, ...]) -> tuple[Subject, Subject]:
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
