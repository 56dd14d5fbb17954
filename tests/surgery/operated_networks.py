"""PyTorch networks that downsample in every way that there is, for surgery."""

import torch
from torch import nn
from torch.nn import functional


class Same(nn.Conv2d):
    """A convolution that pads itself, as TensorFlow's SAME does, by its own stride."""

    def forward(self, x):
        pads = []
        sizes = zip(x.shape[2:], self.kernel_size, self.stride, strict=True)
        for size, kernel, stride in sizes:
            total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
            pads = [total // 2, total - total // 2, *pads]
        x = functional.pad(x, pads)
        return functional.conv2d(x, self.weight, self.bias, self.stride)


class Every(nn.Module):
    """Modules and functions, padded and not, with ceil_mode, groups and dilation."""

    def __init__(self, channels=3, classes=5):
        super().__init__()
        self.stem = Same(channels, 8, 3, stride=2)
        self.pool = nn.MaxPool2d(3, 2, padding=1, ceil_mode=True)
        self.grouped = nn.Conv2d(
            8, 8, 3, stride=(2, 1), padding=2, dilation=2, groups=4
        )
        self.fc = nn.Linear(8, classes)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        x = self.grouped(self.pool(x))
        x = functional.max_pool2d(x, 2)
        x = functional.max_pool2d(x, 3, 1, 1)  # stays: it does not downsample
        x = functional.max_pool2d(x, tuple(x.shape[2:]))  # stays: a readout
        return self.fc(x.flatten(1))


class Shortcut(nn.Module):
    """conv – residual block of stride 2 – mean, everything circular."""

    def __init__(self, channels=1, classes=4, width=6):
        super().__init__()
        circular = {"padding": 1, "padding_mode": "circular"}
        self.stem = nn.Conv2d(channels, width, 3, **circular)
        self.first = nn.Conv2d(width, width, 3, **circular)
        self.down = nn.Conv2d(width, width, 3, stride=2, **circular)
        self.shortcut = nn.Conv2d(width, width, 1, stride=2)
        self.fc = nn.Linear(width, classes)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        y = self.down(torch.relu(self.first(x))) + self.shortcut(x)
        return self.fc(torch.relu(y).mean((2, 3)))


def every(classes=5):
    torch.manual_seed(0)
    return Every(classes=classes)


def shortcut():
    torch.manual_seed(1)
    return Shortcut()


def steady():
    """Takes the mean of all pixels, and nothing else."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5))
