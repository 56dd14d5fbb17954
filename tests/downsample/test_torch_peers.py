"""The published operators, as PyTorch computes them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research.downsample import Downsample, lowpass, reduce

torch = pytest.importorskip("torch")
functional = torch.nn.functional

pytestmark = pytest.mark.peers


def both(module, peer, x, weights=None):
    """Values and gradients of Σ w·y, ours and theirs, as NHWC arrays."""
    value, pull = jax.vjp(jax.jit(lambda x: module(x)), jnp.asarray(x))
    weights = np.random.default_rng(1).normal(size=value.shape).astype(np.float32)
    theirs = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
    result = peer(theirs)
    result.backward(torch.tensor(weights.transpose(0, 3, 1, 2)))
    ours = (value, pull(jnp.asarray(weights))[0])
    return ours, [
        t.detach().numpy().transpose(0, 2, 3, 1) for t in (result, theirs.grad)
    ]


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(2, 11, 8, 3)).astype(np.float32)


@pytest.mark.parametrize("window, stride", [(2, 2), (3, 2), ((3, 2), (2, 3))])
@pytest.mark.parametrize(
    "build, peer",
    [
        (reduce.Max, functional.max_pool2d),
        (reduce.Average, functional.avg_pool2d),
        (reduce.Lp, lambda x, k, s: functional.lp_pool2d(x, 2.0, k, s)),
    ],
)
def test_pooling(build, peer, window, stride, x):
    def factory(features, stride, *, rngs):
        return build(features, stride, window=window, rngs=rngs)

    down = Downsample(3, stride, factory, rngs=nnx.Rngs(0))
    ours, theirs = both(down, lambda x: peer(x, window, stride), x)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_max_pooling_padded_on_either_side(x):
    """PyTorch's padding=1 for a window of 3 is ours of every window of 3."""
    module = reduce.Max(3, (2, 2), window=3, padding="zero", rngs=nnx.Rngs(0))
    ours, theirs = both(
        lambda x: module(x, (2, 2)), lambda x: functional.max_pool2d(x, 3, 2, 1), x
    )
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("taps", range(1, 8))
def test_binomial_blur_with_reflection(taps, x):
    """Zhang 2019: reflection pad, then a grouped convolution at stride 2."""
    row = torch.tensor((np.poly1d([1.0, 1.0]) ** (taps - 1)).coeffs).float()
    kernel = torch.outer(row, row)
    kernel = (kernel / kernel.sum()).expand(3, 1, taps, taps)
    low, high = (taps - 1) // 2, int(np.ceil((taps - 1) / 2))

    def peer(x):
        padded = functional.pad(x, (low, high, low, high), mode="reflect")
        return functional.conv2d(padded, kernel, stride=2, groups=3)

    def factory(features, stride, *, rngs):
        return lowpass.Binomial(features, stride, taps=taps, rngs=rngs)

    down = Downsample(3, 2, lowpass=factory, rngs=nnx.Rngs(0))
    ours, theirs = both(down, peer, x)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
