"""Small PyTorch networks that tests load through `predict=torch:…`."""

import torch
from torch import nn


class Block(nn.Module):
    """Two convolutions with batch norm beside the identity, as a residual network's."""

    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(x + self.dropout(self.bn2(self.conv2(y))))


class Residual(nn.Module):
    """A small residual network with batch norms and dropout, of random weights."""

    def __init__(self, channels=3, classes=10, width=8):
        super().__init__()
        self.stem = nn.Conv2d(channels, width, 3, stride=2, padding=1)
        self.block = Block(width)
        self.fc = nn.Linear(width, classes)

    def forward(self, x):
        return self.fc(self.block(self.stem(x)).mean((2, 3)))


def residual(channels=3, classes=10, seed=0):
    """Returns a network of the same weights each time."""
    torch.manual_seed(seed)
    return Residual(channels, classes)


def no_module():
    """Returns what is none."""
    return {"logits": 3}


def needs_width(width):
    """Takes an argument."""
    return Residual(width=width)


def flat():
    """Takes images of 16 × 16 alone."""
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 10))


READY = residual(classes=10)
