"""The fast convolution is XLA's: values, derivatives, every shape, every mesh."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.distributed import devices
from research.errors import UserError
from research.nn import layers
from research.nn.cpu import convolution, onednn
from research.nn.signal import pad_for_convolution

FAST = onednn.TARGET
has_onednn = pytest.mark.skipif(
    not onednn.available(), reason="this jaxlib has no call of oneDNN, or is not tested"
)

CASES = {  # batch, height, width, inputs, outputs, window, stride, padding
    "odd": (4, 7, 5, 3, 4, (3, 3), (1, 1), "zero"),
    "valid": (4, 7, 5, 6, 4, (3, 3), (1, 1), "valid"),
    "reflect": (2, 6, 6, 5, 3, (5, 3), (1, 1), "reflect"),
    "circular": (2, 6, 6, 5, 3, (2, 2), (1, 1), "circular"),
    "strided": (4, 9, 8, 6, 4, (3, 3), (2, 2), "zero"),
    "uneven": (3, 8, 9, 5, 4, (3, 2), (3, 1), "circular"),
    "stem": (4, 12, 12, 3, 8, (7, 7), (2, 2), "zero"),
    "grey": (4, 8, 8, 1, 4, (3, 3), (1, 1), "valid"),
    "far": (2, 9, 9, 2, 3, (2, 3), (3, 4), "circular"),
    "gaps": (2, 9, 10, 2, 3, (2, 3), (3, 4), "zero"),
    "1x1": (4, 5, 5, 6, 3, (1, 1), (2, 2), "zero"),
    "1x1 of RGB": (4, 5, 5, 3, 3, (1, 1), (1, 1), "zero"),
}


def arrays(case, dtype=jnp.float32):
    """A map, a kernel, the stride, the zeros to add, and a gradient for the result."""
    batch, height, width, inputs, outputs, window, stride, padding = case
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, height, width, inputs))
    x, edges = pad_for_convolution(jnp.asarray(x, dtype), window, padding)
    kernel = jnp.asarray(rng.normal(size=(*window, inputs, outputs)), dtype)
    shape = jax.eval_shape(
        lambda: convolution.xla_convolution(x, kernel, stride, edges)
    ).shape
    return x, kernel, stride, edges, jnp.asarray(rng.normal(size=shape), dtype)


def derivatives(convolve, stride, edges):
    @jax.jit
    def compute(x, kernel, gradient):
        y, pull = jax.vjp(lambda x, k: convolve(x, k, stride, edges), x, kernel)
        return y, *pull(gradient)

    return compute


def assert_equal(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        scale = float(np.abs(b).max())
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("times, calls", [(1, 16), (5, 16), (11, 2)])
def test_it_equals_xla(case, times, calls, monkeypatch):
    """Fewer images than one call takes, more, and more than all calls would take."""
    monkeypatch.setattr(onednn, "CALLS", calls)
    x, kernel, stride, edges, gradient = arrays((times * case[0], *case[1:]))
    both = convolution.fast_convolution, convolution.xla_convolution
    ours, theirs = (
        derivatives(convolve, stride, edges)(x, kernel, gradient) for convolve in both
    )
    assert_equal(ours, theirs)


def test_it_equals_a_sum_written_out():
    x, kernel, stride, edges, gradient = arrays(CASES["strided"])
    ours = derivatives(convolution.fast_convolution, stride, edges)(x, kernel, gradient)
    wide = np.pad(x, ((0, 0), *edges, (0, 0)))
    y, dx, dk = (np.zeros(a.shape) for a in (gradient, wide, kernel))
    for place in np.ndindex(y.shape[1:3]):
        top, left = np.multiply(place, stride)
        at = np.s_[:, top : top + kernel.shape[0], left : left + kernel.shape[1]]
        here = np.s_[:, place[0], place[1]]
        y[here] = np.tensordot(wide[at], kernel, 3)
        dk += np.einsum("bijc,bo->ijco", wide[at], gradient[here])
        dx[at] += np.einsum("ijco,bo->bijc", kernel, gradient[here])
    inner = [slice(edge[0], -edge[1] or None) for edge in edges]
    assert_equal(ours, (y, dx[:, *inner], dk))


@pytest.mark.parametrize("name", ["odd", "strided"])
def test_a_sharded_batch_stays_local_and_sums_its_kernel_gradients(name):
    x, kernel, stride, edges, gradient = arrays((8, *CASES[name][1:]))
    compute = derivatives(convolution.fast_convolution, stride, edges)
    alone = compute(x, kernel, gradient)
    mesh = devices.mesh(8)
    assert mesh.size == 2
    x, gradient = devices.shard((x, gradient), mesh)
    kernel = devices.replicate(kernel, mesh)
    assert_equal(compute(x, kernel, gradient), alone)
    text = compute.lower(x, kernel, gradient).compile().as_text()
    assert "all-reduce" in text
    assert not any(word in text for word in ("all-gather", "all-to-all", "permute("))


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
def test_mapped_it_is_xla_with_its_gradients(axes):
    x, kernel, stride, edges, _ = arrays((3, *CASES["odd"][1:]))
    kernels = jnp.stack([kernel, -kernel, 2 * kernel])
    given = (kernels if axes[0] == 0 else kernel, x[:, None] if axes[1] == 0 else x)

    def each(convolve):
        def of(kernel, x):
            return (convolve(x, kernel, stride, edges) ** 2).sum()

        return jax.jit(jax.vmap(jax.value_and_grad(of, (0, 1)), axes))

    ours, theirs = (
        each(convolution.fast_convolution),
        each(convolution.xla_convolution),
    )
    assert FAST not in ours.lower(*given).compile().as_text()
    assert_equal(*(jax.tree.leaves(run(*given)) for run in (ours, theirs)))


def test_nothing_of_a_trace_leaks():
    x, kernel, stride, edges, gradient = arrays(CASES["odd"])
    with jax.checking_leaks():
        derivatives(convolution.fast_convolution, stride, edges)(x, kernel, gradient)


def lowered(*platforms, dtype=jnp.float32):
    """A convolution of the library, its gradients too, as handed to the compiler."""
    x, kernel, stride, edges, gradient = arrays(CASES["stem"], dtype)
    traced = derivatives(layers.convolve, stride, edges).trace(x, kernel, gradient)
    return traced.lower(lowering_platforms=platforms).as_text()


@pytest.fixture
def eager(monkeypatch):
    """Every layer is worth it, however small."""
    monkeypatch.setattr(convolution, "WORTH", 0)
    with convolution.enabled(True):
        yield


@has_onednn
def test_on_a_cpu_only_large_layers_take_the_fast_path(monkeypatch):
    with convolution.enabled(True):
        assert FAST not in lowered("cpu")
        monkeypatch.setattr(convolution, "WORTH", 0)
        assert FAST in lowered("cpu")


def test_only_in_float32(eager):
    assert FAST not in lowered("cpu", dtype=jnp.bfloat16)


@pytest.fixture
def asked_anew():
    """Whether oneDNN is there is asked within the test, and after it once more."""
    onednn.available.cache_clear()
    yield
    onednn.available.cache_clear()


def test_only_where_the_call_is_known(asked_anew, eager, monkeypatch):
    monkeypatch.setattr(onednn, "TESTED", ("0.0.1",))
    assert FAST not in lowered("cpu")
    x, kernel, stride, edges, gradient = arrays(CASES["odd"])
    with pytest.raises(UserError, match=r"^research\.nn\.cpu\.onednn: .*takes 0\.0\.1"):
        onednn.convolution(x, kernel, stride, edges)
    with pytest.raises(UserError, match="layers.convolve runs on any"):
        onednn.kernel_gradient(x, gradient, (3, 3), stride, edges)


def test_only_where_it_was_built_in(asked_anew, eager, monkeypatch):
    monkeypatch.setattr(onednn, "TARGET", "__no_such$convolution")
    assert not onednn.available()
    assert "custom_call" not in lowered("cpu")


def test_not_where_it_is_wrong(eager):
    """One channel, a stride along rows alone, a result one pixel wide."""
    x, kernel = jnp.ones((2, 6, 1, 1)), jnp.ones((4, 2, 1, 3))
    edges = ((3, 1), (1, 1))
    assert not convolution.onednn_is_faster(x, kernel, (1, 2), edges)
    assert convolution.onednn_is_faster(x, kernel, (2, 2), edges)
    assert not convolution.onednn_is_faster(x, kernel, (2, 2), ((4, 1), (1, 1)))


@pytest.mark.parametrize("platform", ["cuda", "tpu", "rocm"])
@pytest.mark.parametrize("precision", [None, "highest"])
def test_accelerators_get_the_plain_convolution_and_nothing_else(
    monkeypatch, eager, platform, precision
):
    """Though the program is traced on a machine whose default backend is the CPU."""
    with jax.default_matmul_precision(precision):
        text = lowered(platform)
        monkeypatch.setattr(layers, "convolve", convolution.xla_convolution)
        assert text == lowered(platform)
    assert text.count("stablehlo.convolution") == 3 and FAST not in text
    assert text.count("HIGHEST") == (6 if precision else 0)


@pytest.mark.parametrize("platforms", [("cpu",), ("cuda",), ("cpu", "cuda", "tpu")])
def test_an_exported_program_is_plain(eager, platforms):
    x, kernel, stride, edges, gradient = arrays(CASES["stem"])
    compute = derivatives(layers.convolve, stride, edges)
    exported = jax.export.export(compute, platforms=platforms)(x, kernel, gradient)
    assert FAST not in exported.mlir_module()
    if "cpu" in platforms:
        ours = exported.call(x, kernel, gradient)
        assert_equal(ours, compute(x, kernel, gradient))


def test_one_switch_turns_it_off(eager):
    with convolution.enabled(False):
        assert FAST not in lowered("cpu")


def both_ways(function):
    """What a function of the convolution gives: with ours, and with XLA's."""
    ours = function(layers.convolve)
    return jax.tree.leaves(ours), jax.tree.leaves(function(convolution.xla_convolution))


def test_derivatives_of_any_order_in_any_mode(eager):
    x, kernel, stride, edges, _ = arrays((1, 6, 5, 2, 3, (3, 3), (2, 1), "zero"))

    def transformations(convolve):
        def loss(x, kernel):
            return (convolve(x, kernel, stride, edges) ** 3).mean()

        def curvature(x):
            return (jax.grad(loss, 1)(x, kernel) ** 2).sum()

        def third(x):
            return (jax.grad(curvature)(x) ** 2).sum()

        forward = jax.jvp(loss, (x, kernel), (x, kernel))
        along = jax.jit(lambda: jax.jvp(jax.grad(loss, 1), (x, kernel), (x, kernel)))()
        linear = jax.linearize(loss, x, kernel)[1](x, kernel)
        return forward, along, linear, jax.hessian(loss)(x, kernel), jax.grad(third)(x)

    assert_equal(*both_ways(transformations))


@has_onednn
def test_second_derivatives_are_fast_too(eager):
    x, kernel, stride, edges, _ = arrays(CASES["odd"])

    def directional(x, kernel):
        loss = lambda x: (layers.convolve(x, kernel, stride, edges) ** 3).sum()  # noqa: E731
        return jax.jvp(jax.grad(loss), (x,), (x,))[1]

    text = jax.jit(directional).lower(x, kernel).as_text()
    assert FAST in text and "stablehlo.convolution" not in text


@pytest.mark.parametrize("kind", ["Explicit", "Manual"])
def test_meshes_that_are_the_users_task_get_xla(eager, kind):
    x, kernel, stride, edges, _ = arrays(CASES["odd"])
    explicit = getattr(
        jax.sharding.AxisType, "Explicit" if kind == "Explicit" else "Auto"
    )
    mesh = jax.make_mesh((2,), ("data",), axis_types=(explicit,))

    def square(x, kernel):
        return (layers.convolve(x, kernel, stride, edges) ** 2).sum()

    def summed(x, kernel):
        return jax.lax.psum(square(x, kernel), "data")

    whole, split = jax.P(), jax.P("data")
    mapped = jax.shard_map(summed, mesh=mesh, in_specs=(split, whole), out_specs=whole)
    compute = jax.jit(jax.grad(mapped if kind == "Manual" else square))
    expected = jax.grad(square)(x, kernel)
    with jax.set_mesh(mesh):
        x = jax.device_put(x, jax.NamedSharding(mesh, split))
        kernel = jax.device_put(kernel, jax.NamedSharding(mesh, whole))
        assert FAST not in compute.lower(x, kernel).as_text()
        assert_equal([compute(x, kernel)], [expected])


@has_onednn
def test_a_program_for_cpus_keeps_freed_memory_and_no_other_does(eager, monkeypatch):
    kept = []
    for product in (convolution.convolution, convolution.map_gradient):
        monkeypatch.setattr(product, "prepare", lambda: kept.append("memory"))
    lowered("cuda")
    assert not kept
    lowered("cpu")
    assert kept
