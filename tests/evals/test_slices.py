"""All windows of larger images in closed form, against each of them by itself."""

from functools import partial

import jax.numpy as jnp
import networks
import numpy as np
import pytest
from flax import nnx
from known import measure, scene_split, split, table

from research.downsample import Downsample
from research.downsample.reduce import Average, Max
from research.errors import UserError
from research.evals.engine import slices
from research.evals.engine.embedding import Embedder
from research.evals.engine.slices import Slices
from research.evals.window import Window
from research.models.readout import flatten, mean
from research.nn.layers import ConvNormAct
from research.transforms.shifts import Crop

SIZE = (21, 18)  # of a window, which the strides do not divide
RNG = np.random.default_rng(0)


def inner(strides, pool=flatten, padding="valid", reduce=Max, size=SIZE):
    """conv – pooling – conv … without padding, of a stride after each convolution."""
    rngs = nnx.Rngs(3)
    stages, features = [], 2
    for stride in strides:
        stages.append(ConvNormAct(features, 3, padding=padding, rngs=rngs))
        features = 3
        if stride != 1:
            made = partial(reduce, padding="valid")
            stages.append(Downsample(3, stride, made, rngs=rngs))
    stages.append(ConvNormAct(features, 4, padding=padding, rngs=rngs))
    return networks.of(stages, shape=(*size, 2), pool=pool)


def brute(network, images, size):
    """Logits and embeddings of all windows, each asked for by itself."""
    ask, places = Embedder(network, batch=8), np.subtract(images.shape[1:3], size) + 1
    found = [
        [
            ask(images, Crop(*size), np.tile(np.int32([i, j]), (len(images), 1)))
            for j in range(places[1])
        ]
        for i in range(places[0])
    ]
    return [
        np.array([[one[k] for one in row] for row in found]).transpose(2, 0, 1, 3)
        for k in (0, 1)
    ]


@pytest.mark.parametrize(
    "strides, room, pool",
    [
        ([2, 2], (5, 6), flatten),
        ([2, 2], (2, 0), flatten),  # fewer offsets than phases
        ([3], (4, 3), mean),
        ([(1, 2), (2, 1)], (3, 5), flatten),
        ([], (3, 2), mean),
    ],
)
def test_slices_are_the_windows_answers(strides, room, pool):
    network = inner(strides, pool)
    images = RNG.random((3, SIZE[0] + room[0], SIZE[1] + room[1], 2), np.float32)
    form = Slices.of(network, (*SIZE, 2))
    found = form(images)
    logits, embedding = brute(network, images, SIZE)
    assert found["logits"].shape == (3, room[0] + 1, room[1] + 1, 2)
    np.testing.assert_allclose(found["logits"], logits, atol=1e-5 * logits.std() + 1e-6)
    np.testing.assert_allclose(found["embedding"], embedding, atol=1e-5)
    assert np.ptp(logits, axis=(1, 2)).max() > 0.01 * logits.std()  # they do differ


def test_images_that_do_not_fit_the_memory_take_turns():
    network = inner([2])
    images = RNG.random((19, SIZE[0] + 3, SIZE[1] + 2, 2), np.float32)
    whole = Slices.of(network, (*SIZE, 2))
    parts = Slices(whole.standardize, whole.steps, whole.readout, SIZE, memory=0)
    assert parts.block(images.shape[1:]) < 19
    np.testing.assert_allclose(
        parts(images)["logits"], whole(images)["logits"], atol=1e-6
    )


def test_blocks_stay_as_large_whatever_memory_is_free_later(monkeypatch):
    free = iter([2**30, 2**20])
    monkeypatch.setattr(slices, "share", lambda mesh: next(free))
    monkeypatch.setattr(slices.hosts, "agree_on", lambda value: value // 2)
    form, shape = Slices.of(inner([2]), (*SIZE, 2)), (SIZE[0] + 3, SIZE[1] + 2, 2)
    assert form.memory == 2**9, "what all processes agree on"
    assert form.block(shape) == form.block(shape)
    assert next(free) == 2**20, "nobody asks again"


@pytest.mark.parametrize("padding", ["zero", "reflect", "circular"])
def test_padding_has_no_closed_form(padding):
    assert Slices.of(inner([2], padding=padding), (*SIZE, 2)) is None
    assert Slices.of(inner([2]), (*SIZE, 2)) is not None


class Centre(nnx.Module):
    """A stage without padding that takes from a map what is common to all of it."""

    stride = (1, 1)

    def __call__(self, x):
        return x - x.mean((1, 2), keepdims=True)


def test_a_stage_that_sees_all_of_a_map_has_none():
    assert Slices.of(networks.of([Centre()], (*SIZE, 2)), (*SIZE, 2)) is None


@pytest.mark.parametrize("reduce", [Max, Average])
def test_the_grid_is_in_closed_form_where_nothing_pads(reduce):
    corners = RNG.integers(3, 6, (9, 2)).astype(np.int32)
    canvases = split(9, (29, 26, 2))
    scenes = scene_split(canvases, corners, SIZE)
    network = inner([2, 2], reduce=reduce)
    level = network(jnp.asarray(scenes.images / 255, jnp.float32)).mean(0)
    network.readout.logits.bias[...] -= level  # so that answers change
    settings = {"max_shift": 3, "distances": 1, "path": 4, "batch": 8}
    fast, slow = (
        table(measure(Window(method=one, **settings), network, scenes))
        for one in ("auto", "brute")
    )
    error = fast.pop("window/closed_form_error")
    assert 0 < error.value < 1e-4 and error.method.endswith("closed form")
    assert fast.keys() == slow.keys()
    for key, row in fast.items():
        np.testing.assert_allclose(row.value, slow[key].value, atol=1e-6, err_msg=key)
        assert row.method.endswith("closed form") == ("max_shift" in row.params)
    worst = [one["window,max_shift=3/worst_agreement"] for one in (fast, slow)]
    assert worst[0].value < 1
    np.testing.assert_array_equal(worst[0].arrays["map"], worst[1].arrays["map"])


def test_a_closed_form_that_is_off_is_refused(monkeypatch):
    scenes = scene_split(split(4, (29, 26, 2)), np.full((4, 2), 3, np.int32), SIZE)
    compute = Slices.__call__

    def mirrored(self, images):
        return {name: one[:, ::-1] for name, one in compute(self, images).items()}

    network, settings = inner([2]), {"max_shift": 2, "distances": 0}
    measure(Window(**settings), network, scenes)
    monkeypatch.setattr(Slices, "__call__", mirrored)
    measure(Window(method="brute", **settings), network, scenes)
    with pytest.raises(UserError, match="set eval.window.method=brute"):
        measure(Window(**settings), network, scenes)


def test_embeddings_of_slices_are_means_of_the_last_map():
    network = inner([])
    x = RNG.random((1, *SIZE, 2), np.float32)
    last = [*network.features(jnp.asarray(x))][-1]
    found = Slices.of(network, (*SIZE, 2))(x)["embedding"]
    np.testing.assert_allclose(found[0, 0, 0], last.mean((0, 1, 2)), atol=1e-6)
