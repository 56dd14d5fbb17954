"""What the explorers show: orbits are those of a loop, fields lie where they can."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research.data.split import Split
from research.distributed import devices
from research.downsample import Downsample
from research.downsample.learned import Learned
from research.downsample.lowpass import Binomial, Ideal
from research.downsample.reduce import Max
from research.downsample.sample import Energy
from research.errors import UserError
from research.evals.engine import modules
from research.evals.engine.dependence import dependence, receptive_masks
from research.evals.engine.receptive import receptive_fields
from research.evals.explorer import (
    Explorer,
    choose_positions,
    first_of_classes,
    likeliest_classes,
)
from research.models.convnet import chollet
from research.models.readout import Head, flatten, mean
from research.nn.layers import ConvNormAct

SHAPE = (12, 16, 1)
GAP, FLAT = partial(Head, pool=mean), partial(Head, pool=flatten)
rng = np.random.default_rng(0)
SPLIT = Split.labelled(
    rng.integers(0, 256, (9, *SHAPE)).astype("u1"),
    np.array([3, 3, 1, 0, 1, 2, 0, 2, 3], "i4"),
)


def pooled(padding, lowpass=None):
    """max 2×2, and a filter, each padded alike."""
    parts = {"reduce": partial(Max, padding=padding)}
    if lowpass is not None:
        parts["lowpass"] = partial(lowpass, padding=padding)
    return partial(Downsample, **parts)


def network(padding, downsample, head=FLAT, shape=SHAPE):
    return chollet(
        shape,
        4,
        downsample=downsample,
        head=head,
        padding=padding,
        widths=(8, 8, 8),  # so that no pixel is lost in all of them
        mean=0.4,
        std=0.2,
        rngs=nnx.Rngs(1),
    )


def measured(net, **settings):
    return list(Explorer(examples=4, grid=3, **settings)(net, SPLIT))


@pytest.mark.parametrize(
    ("padding", "head", "period"),
    [("circular", GAP, (4, 4)), ("circular", FLAT, (12, 16)), ("zero", GAP, (12, 16))],
)
def test_every_shift_is_what_the_network_says_of_it(padding, head, period):
    net = network(padding, pooled(padding), head)
    kept = next(Explorer(images=3)(net, SPLIT)).arrays
    assert kept["labels"].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(kept["images"], SPLIT.images[[3, 2, 5]])
    assert kept["predictions"].shape == (3, *period)
    for dy, dx in rng.integers(0, SHAPE[:2], (5, 2)):
        moved = np.roll(kept["images"], (dy, dx), (1, 2)) / np.float32(255)
        probabilities = np.asarray(jax.nn.softmax(net(jnp.asarray(moved))))
        at = (slice(None), dy % period[0], dx % period[1])
        np.testing.assert_allclose(
            kept["probabilities"][at], 255 * probabilities, atol=0.51
        )
        np.testing.assert_array_equal(kept["predictions"][at], probabilities.argmax(-1))


def test_the_likeliest_classes_are_kept_in_order():
    logits = np.log([[0.1, 0.5, 0.1, 0.3], [0.3, 0.1, 0.4, 0.2]])[:, None, None]
    classes, probabilities = likeliest_classes(logits, 2)
    assert classes.tolist() == [[1, 3], [0, 2]]
    np.testing.assert_allclose(probabilities[:, 0, 0], [[0.5, 0.3], [0.3, 0.4]])


def by_pixel(net, shape):
    """Whether each pixel, changed far up or down, changes each unit: per stage."""
    clean = np.random.default_rng(2).random(shape).astype("f4")
    pixels = np.prod(shape)
    changed = np.repeat(clean.reshape(1, -1), 2 * pixels, 0)
    places = np.arange(pixels)
    changed[places, places] = 900
    changed[pixels + places, places] = -900
    images = np.concatenate([clean[None], changed.reshape(-1, *shape)])
    for y in net.features(jnp.asarray(images)):
        differs = np.any(np.abs(y[1:] - y[0]) > 1e-4, -1)
        yield differs.reshape(2, *shape[:2], *y.shape[1:3]).any(0)


CASES = {
    "zero": network("zero", pooled("zero")),
    "circular": network("circular", pooled("circular")),
    "valid": network("valid", pooled("valid"), shape=(18, 20, 1)),
    "reflect": network("reflect", pooled("reflect", partial(Binomial, taps=4))),
    "one axis": network("zero", partial(pooled("zero"), stride=(1, 2))),
    "ideal": network("circular", partial(Downsample, lowpass=Ideal)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_unit_depends_on_a_pixel_exactly_where_that_changes_it(name):
    net = CASES[name]
    shape = (18, 20, 1) if name == "valid" else SHAPE
    found = list(receptive_masks(net, shape))
    assert len(found) == len(net.stages)
    for (rows, columns), differs in zip(found, by_pixel(net, shape), strict=True):
        box = np.einsum("iy,jx->yxij", rows, columns)
        np.testing.assert_array_equal(differs, box)


@pytest.mark.parametrize("sample", [Energy, Learned])
def test_a_sampler_that_chooses_by_the_whole_map_depends_on_it(sample):
    net = network("circular", partial(Downsample, sample=sample))
    for stage in net.stages:
        if isinstance(stage, Downsample):  # even if all its phases score alike
            nnx.update(stage, jax.tree.map(jnp.zeros_like, nnx.state(stage, nnx.Param)))
    found = [
        (rows.all(), columns.all()) for rows, columns in receptive_masks(net, SHAPE)
    ]
    assert found == [(False, False)] + 4 * [(True, True)]


def test_a_dependence_on_decreases_alone_is_found():
    stage = ConvNormAct(1, 1, padding="zero", rngs=nnx.Rngs(0))
    stage.conv.kernel[...] = -jnp.ones((3, 3, 1, 1))
    stage.conv.bias[...] = -jnp.full(1, 99.0)  # and rectified to nothing otherwise
    found = dependence(stage, (6, 5, 1), 0)
    np.testing.assert_array_equal(found, np.tri(6, k=1) * np.tri(6, k=1).T)


@pytest.mark.parametrize("padding", ["zero", "circular"])
def test_effective_fields_lie_in_the_theoretical_ones(padding):
    stages = [
        one
        for one in measured(network(padding, pooled(padding)))
        if "rows" in one.arrays
    ]
    assert len(stages) == 5
    strides = [stage.arrays["stride"].tolist() for stage in stages]
    assert strides == [[1, 1], [2, 2], [2, 2], [4, 4], [4, 4]]
    for stage in stages:
        kept = stage.arrays
        rows, columns = kept["rows"][kept["ys"]], kept["columns"][kept["xs"]]
        box = np.einsum("iy,jx->ijyx", rows, columns)
        assert kept["fields"][box].any() and not kept["fields"][~box].any()
        assert kept["fields"].max((2, 3)).tolist() == [[255] * 3] * 3
    assert kept["ys"].tolist() == [0, 1, 2] and kept["xs"].tolist() == [0, 2, 3]


def test_fields_are_gradients_of_the_units():
    net = network("zero", pooled("zero"))
    *_, last = measured(net)
    y, x = kept_at = last.arrays["ys"][0], last.arrays["xs"][2]
    images = jnp.asarray(SPLIT.images[:4] / np.float32(255))
    unit = jax.grad(lambda images: list(net.features(images))[-1][:, y, x].sum())
    gradient = np.abs(unit(images)).sum(-1).mean(0)
    expected = 255 * np.sqrt(gradient / gradient.max())
    np.testing.assert_allclose(last.arrays["fields"][0, 2], expected, atol=0.6)
    assert kept_at == (0, 3)
    counted = (gradient > 0.0455 * gradient.max()).sum()
    assert last.arrays["sizes"][0, 2] == pytest.approx(np.sqrt(counted))
    assert last.value == last.arrays["sizes"][1, 1]


def test_a_foreign_classifier_has_no_stages_to_look_into():
    found = measured(lambda images: images.reshape(len(images), -1)[:, :7], classes=3)
    assert [one.measure for one in found] == ["agreement"]
    assert found[0].method == "brute force"
    assert found[0].arrays["probabilities"].shape == (4, 12, 16, 3)


def test_grids_and_classes():
    assert choose_positions(26, 5).tolist() == [0, 6, 13, 19, 25]
    assert choose_positions(3, 5).tolist() == [0, 1, 2]
    assert choose_positions(7, 1).tolist() == [3]
    assert first_of_classes(np.array([5, 5, 2, 7]), 2).tolist() == [2, 0]


def test_answers_without_classes_are_refused():
    with pytest.raises(UserError, match="eval=explorer"):
        measured(lambda images: images)


def test_what_depends_on_what_is_found_on_a_cpu_wherever_the_network_lies(monkeypatch):
    here, there = jax.devices()[0], jax.devices("cpu")[1]
    monkeypatch.setattr(devices, "find_cpu", lambda: there)
    seen, run = [], modules.apply

    def watch(graph, state, x):
        y = run(graph, state, x)
        seen.append(y.devices())
        return y

    monkeypatch.setattr(modules, "apply", watch)
    net = jax.device_put(network("zero", pooled("zero")), here)
    for rows, _ in receptive_masks(net, SHAPE):
        assert rows.any(1).all()
    receptive_fields(net, SHAPE)
    assert len(seen) > 10 and set.union(*seen) == {there}
    assert net.stages[0].conv.kernel[...].devices() == {here}
