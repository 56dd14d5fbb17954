"""The parts of a downsampler once more, in NumPy and SciPy, from their definitions.

Windows are views, convolutions are SciPy's, spectra are Fourier transforms: other in
form than the code they judge. All in float64.
"""

from itertools import product

import numpy as np
from scipy import signal, special

MODES = {"zero": "constant", "reflect": "reflect", "circular": "wrap"}


def padded(x, window, padding, fill=0.0):
    if padding == "valid":
        return x
    pads = [((k - 1) // 2, k // 2) for k in window]
    extra = {"constant_values": fill} if padding == "zero" else {}
    return np.pad(x, [(0, 0), *pads, (0, 0)], MODES[padding], **extra)


def views(x, window, padding, fill=0.0):
    """(B, H, W, C) → (B, H', W', C, k_h·k_w)."""
    x = padded(x, window, padding, fill)
    view = np.lib.stride_tricks.sliding_window_view(x, window, axis=(1, 2))
    return view.reshape(*view.shape[:4], -1)


def maximum(x, window, padding):
    return views(x, window, padding, -np.inf).max(-1)


def average(x, window, padding):
    return views(x, window, padding).mean(-1)


def median(x, window, padding):
    return np.median(views(x, window, padding), -1)


def lp(x, window, padding, p=2):
    return np.linalg.norm(views(x, window, padding), ord=p, axis=-1)


def soft(x, window, padding):
    view = views(x, window, padding)
    return (special.softmax(view, -1) * view).sum(-1)


def mixed(x, window, padding, logit):
    share = special.expit(logit)
    return share * maximum(x, window, padding) + (1 - share) * average(
        x, window, padding
    )


def stochastic(x, window, padding):
    """The expectation of evaluation."""
    view = views(x, window, padding)
    mass = np.maximum(view, 0)
    total = mass.sum(-1, keepdims=True)
    chances = np.divide(mass, total, out=np.zeros_like(mass), where=total > 0)
    return (chances * view).sum(-1)


def correlate(x, kernel, padding, bias=0.0):
    """Cross-correlation of (B, H, W, C) with (k_h, k_w, C, C')."""
    x = padded(x, kernel.shape[:2], padding)
    return bias + np.stack(
        [
            [
                sum(
                    signal.correlate2d(image[..., c], kernel[..., c, o], "valid")
                    for c in range(image.shape[-1])
                )
                for o in range(kernel.shape[-1])
            ]
            for image in x
        ]
    ).transpose(0, 2, 3, 1)


def binomial(x, taps, padding):
    row = np.array([1.0])
    for _ in range(taps - 1):
        row = np.convolve(row, [1, 1])
    kernel = np.outer(row, row) / row.sum() ** 2
    return np.stack(
        [
            [
                signal.convolve2d(image[..., c], kernel, "valid")
                for c in range(x.shape[-1])
            ]
            for image in padded(x, (taps, taps), padding)
        ]
    ).transpose(0, 2, 3, 1)


def haar(x):
    """The LL band of non-overlapping 2×2 blocks: what decimation by 2 keeps."""
    step = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    transform = np.kron(step, step)
    batch, height, width, channels = x.shape
    blocks = x.reshape(batch, height // 2, 2, width // 2, 2, channels)
    blocks = blocks.transpose(0, 1, 3, 5, 2, 4).reshape(-1, 4)
    bands = blocks @ transform.T
    return bands[:, 0].reshape(batch, height // 2, width // 2, channels)


def ideal(x, stride):
    spectrum = np.fft.fft2(x, axes=(1, 2))
    for axis, s in zip((1, 2), stride, strict=True):
        size = x.shape[axis]
        for f in range(size):
            beyond = min(f, size - f) * 2 * s >= size  # |f| ≥ n/2
            if s > 1 and beyond:
                cut = [slice(None)] * 4
                cut[axis] = f
                spectrum[tuple(cut)] = 0
    return np.fft.ifft2(spectrum, axes=(1, 2)).real


def flc(x, stride):
    """FLC pooling as published: the centred spectrum, cropped to the coarse size."""
    spectrum = np.fft.fftshift(np.fft.fft2(x, axes=(1, 2), norm="forward"), axes=(1, 2))
    for axis, s in zip((1, 2), stride, strict=True):
        size = x.shape[axis]
        start = size // 2 - size // s // 2
        spectrum = spectrum.take(range(start, start + size // s), axis)
    spectrum = np.fft.ifftshift(spectrum, axes=(1, 2))
    return np.fft.ifft2(spectrum, axes=(1, 2), norm="forward").real


def adaptive(x, main, kernel, scale, shift, groups, padding):
    """Position by position: the softmax of the group's logits weighs the window.

    `scale` and `shift` are those of the norm in evaluation.
    """
    taps = kernel.shape[0]
    logits = correlate(main, kernel, padding) * scale + shift
    view = views(x, (taps, taps), padding)
    y = np.zeros(view.shape[:4])
    per_group = x.shape[-1] // groups
    for at in np.ndindex(*view.shape[:3]):
        for group in range(groups):
            weights = special.softmax(
                logits[at][group * taps**2 : (group + 1) * taps**2]
            )
            for c in range(group * per_group, (group + 1) * per_group):
                y[at][c] = weights @ view[at][c]
    return y


def phases(x, stride):
    """Every grid, in the order (p, q), of the map continued to a multiple of s."""
    rows, columns = (
        -(-size // s) * s for size, s in zip(x.shape[1:3], stride, strict=True)
    )
    x = x[:, np.arange(rows) % x.shape[1]][:, :, np.arange(columns) % x.shape[2]]
    return [
        x[:, p :: stride[0], q :: stride[1]]
        for p, q in product(range(stride[0]), range(stride[1]))
    ]


def energies(x, stride, norm):
    """(B, s_h·s_w): the ℓp norm of each phase."""
    flat = [grid.reshape(len(x), -1) for grid in phases(x, stride)]
    return np.stack([np.linalg.norm(f, ord=norm, axis=1) for f in flat], 1)


def logits(x, stride, first, bias, second):
    """(B, s_h·s_w): mean of conv3–relu–conv3 of each phase, computed in full."""
    scores = []
    for grid in phases(x, stride):
        hidden = np.maximum(correlate(grid, first, "circular", bias), 0)
        scores.append(correlate(hidden, second, "circular").mean((1, 2, 3)))
    return np.stack(scores, 1)
