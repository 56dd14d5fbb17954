"""What vouches for the closed form: wide gaps, bounds by precision, loud errors."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from orbits import GAP, looped, max_round, network, smooth

from research.data.split import Split
from research.downsample import Downsample
from research.errors import UserError
from research.evals.engine.closed_form import ClosedForm
from research.evals.engine.predictor import Predictor
from research.evals.engine.slices import Slices
from research.evals.engine.tolerance import current_tolerance
from research.evals.engine.trials import commutes
from research.evals.engine.verify import verify
from research.evals.explorer import Explorer
from research.evals.orbit import Orbit, orbit_logits
from research.models.network import Network
from research.nn.precision import computing
from research.transforms.shifts import circular

LABELS = np.array([0, 1, 2, 3], np.int32)


@pytest.fixture
def split():
    images = (smooth(4, (8, 12), seed=3) * 255).astype(np.uint8)
    return Split.labelled(images, LABELS)


@pytest.fixture
def on(monkeypatch):
    """Pretends to be on another backend where the tolerances ask."""

    def choose(backend):
        monkeypatch.setattr(jax, "default_backend", lambda: backend)

    return choose


class Edge(nnx.Module):
    """Adds a little to the first row: a border whose size is known."""

    stride = (1, 1)

    def __init__(self, size):
        self.size = size

    def __call__(self, x):
        return x.at[:, 0].add(self.size)


def bordered(size):
    """Its only stage deviates by `size` of its RMS, along the rows."""
    net = Network((8, 12, 1), [Edge(0.0)], partial(GAP, classes=4), rngs=nnx.Rngs(0))
    rms = float(jnp.sqrt(jnp.mean(mixtures(net) ** 2)))
    net.stages[0].size = size * rms
    return net


def mixtures(net):
    seen = []

    class Spy(Edge):
        def __call__(self, x):
            jax.debug.callback(lambda x: seen.append(np.asarray(x)), x)
            return x

    spied = Network((8, 12, 1), [Spy(0.0)], partial(GAP, classes=4), rngs=nnx.Rngs(0))
    images = (smooth(4, (8, 12), seed=3) * 255).astype(np.uint8)
    ClosedForm(spied, images)
    jax.effects_barrier()
    return jnp.asarray(np.concatenate(seen))


def test_a_cpu_computes_in_float32_whatever_is_asked():
    found = []
    for precision in ("default", "high", "highest"):
        with computing(precision):
            found.append(current_tolerance())
    bounds = {(t.commuting, t.border, t.ties, t.closed_form) for t in found}
    assert bounds == {(1e-4, 1e-3, 1e-6, 1e-3)}
    assert found[0].arithmetic == "precision.eval=default on cpu"


def test_tolerances_follow_the_precision_on_accelerators(on):
    def bounds(backend, precision):
        on(backend)
        with computing(precision):
            return current_tolerance()

    exact = bounds("cpu", "highest")
    for backend in ("gpu", "tpu"):
        highest = bounds(backend, "highest")
        assert (highest.commuting, highest.ties) == (exact.commuting, exact.ties)
        coarse = bounds(backend, "default")
        for field in ("commuting", "border", "ties", "closed_form"):
            assert getattr(coarse, field) > getattr(exact, field)
    assert bounds("gpu", "default").commuting == bounds("gpu", "high").commuting
    assert bounds("tpu", "default").commuting > bounds("tpu", "high").commuting
    assert bounds("new", "high").commuting == bounds("tpu", "default").commuting
    on("gpu")
    with jax.default_matmul_precision("BF16_BF16_F32"):  # a name of JAX's own
        assert current_tolerance().commuting == bounds("tpu", "default").commuting


def test_between_rounding_and_a_border_there_is_a_gap(on):
    for backend in ("cpu", "gpu", "tpu"):
        on(backend)
        with computing("default"):
            bounds = current_tolerance()
        assert bounds.border >= 2 * bounds.commuting
        assert commutes(bounds.commuting, bounds, "it")
        assert not commutes(bounds.border, bounds, "it")
        with pytest.raises(UserError, match="it deviates"):
            commutes(1.5 * bounds.commuting, bounds, "it")


@pytest.mark.slow  # a real run for each
@pytest.mark.parametrize("size, accepted", [(3e-5, True), (3e-3, False)])
def test_what_the_probe_found_is_in_the_rows(split, size, accepted):
    got = {m.measure: m for m in Orbit()(bordered(size), split)}
    assert got["commutation_tolerance"].value == 1e-4
    measure = "commutation_accepted" if accepted else "commutation_refused"
    assert got[measure].value == pytest.approx(size, rel=0.2)
    assert ("commutation_refused" in got) != accepted
    closed = "closed form, period 1×1"
    assert (got["agreement"].method == closed) is accepted
    assert got["commutation_tolerance"].method == got["agreement"].method


def test_a_stage_that_cannot_be_decided_is_an_error(split):
    net = bordered(3e-4)
    with pytest.raises(UserError) as refused:
        list(Orbit()(net, split))
    message = str(refused.value)
    for part in (
        "step 1, Edge,",
        "precision.eval=highest",
        "eval.orbit.method=brute",
        "1.0e-04",
        "1.0e-03",
    ):
        assert part in message
    assert "\n" not in message
    with pytest.raises(UserError, match="step 1, Edge,"):
        orbit_logits(net, split.images)
    got = {m.measure for m in Orbit(method="brute")(net, split)}
    assert "agreement" in got and "commutation_tolerance" not in got


@pytest.mark.slow  # a real run
def test_coarse_products_make_coarse_tolerances(on, split):
    """What float32 refuses TF32 takes for rounding, and the rows say by which bound."""
    with computing("default"):
        on("gpu")
        got = {m.measure: m.value for m in Orbit()(bordered(2e-3), split)}
    assert got["commutation_tolerance"] == 8 * 2**-11
    assert got["commutation_accepted"] == pytest.approx(2e-3, rel=0.2)


@pytest.mark.parametrize("evaluate", [Orbit(), Explorer(images=4)])
def test_a_closed_form_that_errs_is_an_error_and_leaves_no_rows(
    monkeypatch, split, evaluate
):
    right = ClosedForm.logits
    monkeypatch.setattr(ClosedForm, "logits", lambda *args: right(*args) * 1.1)
    yielded = []
    with pytest.raises(UserError, match="the closed form errs by .*brute") as refused:
        for one in evaluate(network((8, 12), max_round, seed=1), split):
            yielded.append(one.measure)
    assert yielded == []
    assert "\n" not in str(refused.value)


def test_images_that_tie_do_not_count_against_it(split):
    net = network((8, 12), max_round, seed=1)
    predictor = Predictor(net, batch=4)
    at = np.array([[0, 1], [2, 3], [5, 5], [7, 11]], np.int32)
    images = split.images
    chosen = predictor.logits(images, circular, at)
    direct = looped(net, images.astype(np.float32) / 255)
    np.testing.assert_allclose(chosen, direct[np.arange(4), *at.T], atol=1e-5)
    chosen[1] += 1
    check = partial(
        verify, chosen, predictor, images, at, tolerance=current_tolerance()
    )
    ties = np.array([1, 1e-7, 1, 1], np.float32)
    found = check(margin=ties)
    assert found.value < 1e-5 and found.n == 3
    assert found.arrays["examples"][1] > 1, "it is kept all the same"
    for margin in (None, np.ones(4, np.float32), ties[::-1].copy()):
        with pytest.raises(UserError, match="errs by"):
            check(margin=margin)
    assert check(margin=np.zeros(4, np.float32)).n == 0


class Unlit(nnx.Module):
    """Divides by the mean of an image, which a black one has not."""

    stride = (1, 1)

    def __call__(self, x):
        return x / x.mean((1, 2, 3), keepdims=True)


def test_answers_that_are_no_numbers_are_refused(split):
    net = Network((8, 12, 1), [Unlit()], partial(GAP, classes=4), rngs=nnx.Rngs(0))
    images = np.concatenate([split.images] * 3)
    images[9] = 0  # none of those on which stages are tried
    orbit = ClosedForm(net, images)
    assert orbit.shared and np.isfinite(orbit.logits(images[:8])).all()
    with pytest.raises(UserError, match=r"Network returned NaN for 4 images"):
        orbit.logits(images[8:])
    form = Slices.of(
        network((6, 8), partial(Downsample, stride=1), padding="valid"), (6, 8, 1)
    )
    windows = np.ones((2, 7, 8, 1), np.float32)
    assert np.isfinite(form(windows)["logits"]).all()
    windows[1, 6, 0] = np.nan
    with pytest.raises(UserError, match="returned NaN for 2 images"):
        form(windows)


def test_an_error_that_is_no_number_is_none_of_rounding(split):
    net = network((8, 12), max_round, seed=1)
    at = np.zeros((4, 2), np.int32)
    chosen = Predictor(net).logits(split.images)
    chosen[2, 1] = np.nan
    with pytest.raises(UserError, match="closed form errs by nan"):
        verify(
            chosen,
            Predictor(net),
            split.images,
            at,
            margin=None,
            tolerance=current_tolerance(),
        )
