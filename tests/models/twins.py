"""Compact PyTorch twins with the state-dict names of torchvision and Zhang 2019."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class BlurPool(nn.Module):
    """Zhang's: reflect padding, binomial filter of 4 taps, stride."""

    def __init__(self, channels, stride):
        super().__init__()
        row = torch.tensor([1.0, 3.0, 3.0, 1.0])
        kernel = row[:, None] * row[None] / 64
        self.register_buffer("filt", kernel[None, None].repeat(channels, 1, 1, 1))
        self.stride = stride

    def forward(self, x):
        x = F.pad(x, (1, 2, 1, 2), mode="reflect")
        return F.conv2d(x, self.filt, stride=self.stride, groups=x.shape[1])


class Block(nn.Module):
    def __init__(self, inputs, width, stride, *, bottleneck, blur):
        super().__init__()
        outputs = 4 * width if bottleneck else width
        widths = (
            [inputs, width, width, outputs] if bottleneck else [inputs, width, outputs]
        )
        strided = 1 if bottleneck else 0
        for index, (a, b) in enumerate(zip(widths, widths[1:], strict=False)):
            window = 1 if bottleneck and index != 1 else 3
            step = stride if index == strided and not blur else 1
            conv = nn.Conv2d(a, b, window, step, window // 2, bias=False)
            if blur and stride > 1 and index == strided + 1:
                conv = nn.Sequential(BlurPool(a, stride), conv)
            setattr(self, f"conv{index + 1}", conv)
            setattr(self, f"bn{index + 1}", nn.BatchNorm2d(b))
        self.count = len(widths) - 1
        self.downsample = None
        if inputs != outputs or stride > 1:
            first = [BlurPool(inputs, stride)] if blur and stride > 1 else []
            step = 1 if blur else stride
            conv = nn.Conv2d(inputs, outputs, 1, step, bias=False)
            self.downsample = nn.Sequential(*first, conv, nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = x
        for index in range(1, self.count + 1):
            y = getattr(self, f"bn{index}")(getattr(self, f"conv{index}")(y))
            y = y.relu() if index < self.count else y
        return (y + (x if self.downsample is None else self.downsample(x))).relu()


class ResNet(nn.Module):
    def __init__(self, widths, depths, classes, *, bottleneck=False, blur=False):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.maxpool = (
            nn.Sequential(nn.MaxPool2d(2, 1), BlurPool(widths[0], 2))
            if blur
            else nn.MaxPool2d(3, 2, 1)
        )
        inputs = widths[0]
        for group, (width, depth) in enumerate(zip(widths, depths, strict=True), 1):
            blocks = []
            for index in range(depth):
                stride = 2 if group > 1 and index == 0 else 1
                blocks.append(
                    Block(inputs, width, stride, bottleneck=bottleneck, blur=blur)
                )
                inputs = 4 * width if bottleneck else width
            setattr(self, f"layer{group}", nn.Sequential(*blocks))
        self.groups = len(widths)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        for group in range(1, self.groups + 1):
            x = getattr(self, f"layer{group}")(x)
        return self.fc(x.mean((2, 3)))


class VGG(nn.Module):
    def __init__(self, widths, depths, classes, *, units, norm=True):
        super().__init__()
        layers, inputs = [], 3
        for width, depth in zip(widths, depths, strict=True):
            for _ in range(depth):
                layers += [nn.Conv2d(inputs, width, 3, padding=1)]
                layers += [nn.BatchNorm2d(width)] if norm else []
                layers += [nn.ReLU()]
                inputs = width
            layers += [nn.MaxPool2d(2, 2)]
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(inputs * 49, units),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(units, units),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(units, classes),
        )

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def randomize(module, seed=0):
    """Fills norms with values that a trained network could have."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            for tensor, low in ((part.weight, 0.5), (part.running_var, 0.5)):
                tensor.data.uniform_(low, 1.5, generator=generator)
            for tensor in (part.bias, part.running_mean):
                tensor.data.normal_(0, 0.1, generator=generator)
    return module.eval()


def logits(module, images):
    """Runs NHWC images in [0, 1] through a twin."""
    with torch.no_grad():
        x = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
        return module(x).numpy()
