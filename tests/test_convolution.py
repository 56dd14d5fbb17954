"""The fast convolution is XLA's: values, both gradients, every shape, every mesh."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research import convolution, devices, layers
from research.signal import pad

CASES = {  # batch, height, width, inputs, outputs, window, stride, padding
    "odd": (4, 7, 5, 3, 4, (3, 3), (1, 1), "zero"),
    "valid": (4, 7, 5, 6, 4, (3, 3), (1, 1), "valid"),
    "reflect": (2, 6, 6, 5, 3, (5, 3), (1, 1), "reflect"),
    "circular": (2, 6, 6, 5, 3, (2, 2), (1, 1), "circular"),
    "strided": (4, 9, 8, 6, 4, (3, 3), (2, 2), "zero"),
    "uneven": (3, 8, 9, 5, 4, (3, 2), (3, 1), "circular"),
    "stem": (4, 12, 12, 3, 8, (7, 7), (2, 2), "zero"),
    "grey": (4, 8, 8, 1, 4, (3, 3), (1, 1), "valid"),
    "1x1": (4, 5, 5, 6, 3, (1, 1), (2, 2), "zero"),
    "1x1 of RGB": (4, 5, 5, 3, 3, (1, 1), (1, 1), "zero"),
}


def arrays(case, dtype=jnp.float32):
    """A padded map, a kernel, the stride, and a gradient for the result."""
    batch, height, width, inputs, outputs, window, stride, padding = case
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, height, width, inputs))
    kernel = rng.normal(size=(*window, inputs, outputs))
    x = pad(jnp.asarray(x, dtype), window, padding)
    kernel = jnp.asarray(kernel, dtype)
    shape = jax.eval_shape(lambda: convolution.plain(x, kernel, stride)).shape
    return x, kernel, stride, jnp.asarray(rng.normal(size=shape), dtype)


def derivatives(convolve, stride):
    @jax.jit
    def compute(x, kernel, gradient):
        y, pull = jax.vjp(lambda x, k: convolve(x, k, stride), x, kernel)
        return y, *pull(gradient)

    return compute


def assert_equal(case, tolerance=1e-5, dtype=jnp.float32):
    x, kernel, stride, gradient = arrays(case, dtype)
    ours = derivatives(convolution.blocked, stride)(x, kernel, gradient)
    wide = (a.astype(jnp.float32) for a in (x, kernel, gradient))
    theirs = derivatives(convolution.plain, stride)(*wide)
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == dtype and a.shape == b.shape
        scale = float(jnp.abs(b).max())
        np.testing.assert_allclose(
            a.astype(jnp.float32), b, rtol=0, atol=tolerance * scale
        )


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_equals_xla(case):
    assert_equal(case)


@pytest.mark.parametrize("name", ["odd", "strided"])
@pytest.mark.parametrize("images", [0, 2])
def test_whatever_the_blocks(monkeypatch, name, images):
    """Blocks of two images; and an image larger than a block, where dx is XLA's."""
    batch, height, width, inputs, outputs, window, *_ = case = CASES[name]
    size = 4 * height * width * inputs * window[0] * window[1]
    monkeypatch.setattr(convolution, "BLOCK_BYTES", images * size)
    assert_equal((4 * batch, *case[1:]))


def test_bfloat16_sums_in_float32():
    assert_equal((16, *CASES["odd"][1:]), tolerance=2**-8, dtype=jnp.bfloat16)


def test_it_equals_a_sum_written_out():
    x, kernel, stride, gradient = map(np.asarray, arrays(CASES["strided"]))
    y, dx, dk = (np.zeros(a.shape) for a in (gradient, x, kernel))
    for place in np.ndindex(y.shape[1:3]):
        top, left = np.multiply(place, stride)
        at = np.s_[:, top : top + kernel.shape[0], left : left + kernel.shape[1]]
        here = np.s_[:, place[0], place[1]]
        y[here] = np.tensordot(x[at], kernel, 3)
        dk += np.einsum("bijc,bo->ijco", x[at], gradient[here])
        dx[at] += np.einsum("ijco,bo->bijc", kernel, gradient[here])
    strides = tuple(stride.tolist())
    ours = derivatives(convolution.blocked, strides)(x, kernel, gradient)
    for a, b in zip(ours, (y, dx, dk), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["odd", "strided"])
def test_a_sharded_batch_stays_local_and_sums_its_kernel_gradients(monkeypatch, name):
    monkeypatch.setattr(convolution, "BLOCK_BYTES", 9000)  # an image or two
    x, kernel, stride, gradient = arrays((8, *CASES[name][1:]))
    compute = derivatives(convolution.blocked, stride)
    alone = compute(x, kernel, gradient)
    mesh = devices.mesh(8)
    assert mesh.size == 2
    x, gradient = devices.shard((x, gradient), mesh)
    kernel = devices.replicate(kernel, mesh)
    for a, b in zip(compute(x, kernel, gradient), alone, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
    text = compute.lower(x, kernel, gradient).compile().as_text()
    assert "all-reduce" in text
    assert not any(word in text for word in ("all-gather", "all-to-all", "permute("))


def test_it_maps_and_runs_on_a_batch_that_the_devices_do_not_divide():
    x, kernel, stride, _ = arrays((3, *CASES["odd"][1:]))
    each = jax.vmap(lambda one: convolution.blocked(one[None], kernel, stride)[0])(x)
    np.testing.assert_allclose(
        each, convolution.plain(x, kernel, stride), rtol=1e-4, atol=1e-4
    )


def lowered(*platforms):
    """A convolution of the library, its gradients too, as handed to the compiler."""
    x, kernel, stride, gradient = arrays(CASES["stem"])
    traced = derivatives(layers.convolve, stride).trace(x, kernel, gradient)
    return traced.lower(lowering_platforms=platforms).as_text()


@pytest.fixture
def eager(monkeypatch):
    """Every layer is worth it, however small."""
    monkeypatch.setattr(convolution, "WORTH", 0)


def test_on_a_cpu_only_large_layers_take_the_fast_path(monkeypatch):
    monkeypatch.setattr(convolution, "enabled", True)
    assert "while" not in lowered("cpu")
    monkeypatch.setattr(convolution, "WORTH", 0)
    assert "while" in lowered("cpu")


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_accelerators_get_the_plain_convolution_and_nothing_else(
    monkeypatch, eager, platform
):
    monkeypatch.setattr(jax, "default_backend", lambda: platform)
    text = lowered(platform)
    monkeypatch.setattr(layers, "convolve", convolution.plain)
    assert text == lowered(platform)
    assert text.count("stablehlo.convolution") == 3 and "while" not in text


def test_one_switch_turns_it_off(monkeypatch, eager):
    monkeypatch.setattr(convolution, "enabled", False)
    assert "while" not in lowered("cpu")
