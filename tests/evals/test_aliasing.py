"""Aliasing of networks of ours: the maps are those that they downsample."""

import jax.numpy as jnp
import networks
import numpy as np
import pytest
from flax import nnx
from known import measure, split, table

from research import config
from research.downsample.lowpass import Ideal
from research.evals.aliasing import Aliasing, ratio
from research.evals.engine.watching import watch_downsamplers
from research.nn.aliasing import energies, folded

SPLIT = split()
KEY = "aliasing,index={},map={},part={},stride=[2, 2]/{}"


def test_the_maps_are_those_before_and_within_the_downsampler():
    network = networks.pooling()
    rows = table(measure(Aliasing(batch=8), network, SPLIT))
    x = network.stages[0](network.standardize(jnp.asarray(SPLIT.images / 255)))
    maps = {"input": x, "reduced": network.stages[1].reduce(x)}
    maps["filtered"] = network.stages[1].lowpass(maps["reduced"])
    for name, one in maps.items():
        total, above, mean = (each.sum() for each in energies(one, (2, 2)))
        rest, coarse = (each.sum() for each in folded(one, (2, 2)))
        expected = {"share": above / total, "share_around_mean": above / (total - mean)}
        expected["folded"] = rest / coarse
        for kind, value in expected.items():
            found = rows[KEY.format(0, name, "stages.1", kind)].value
            assert found == pytest.approx(float(value), rel=1e-4) and 0 < found < 2
    assert len(rows) == 9


@pytest.mark.parametrize(
    "options",
    [
        ["model=tiny", "downsample=aps"],
        ["model=tiny", "downsample=strided"],
        ["model=resnet20", "downsample=blur_aps", "model.depths=[1,1]"]
        + ["model.widths=[4,8]"],
        ["model=capsnet_small", "downsample=max_blur"],
    ],
)
def test_a_network_that_is_watched_does_the_same(options):
    cfg = config.compose("data=mnist", *options)
    network, watched = (config.network(cfg, rngs=nnx.Rngs(0)) for _ in range(2))
    network.eval(), watched.eval()
    places = []
    watch_downsamplers(watched, lambda place, part, x: places.append(place))
    x = jnp.asarray(np.random.default_rng(0).random((2, 28, 28, 1)), jnp.float32)
    np.testing.assert_allclose(watched(x), network(x), rtol=1e-5, atol=1e-6)
    assert places and places == sorted(places)
    nested = "down" in places[0]
    assert nested == ("resnet" in options[0] or "caps" in options[0])


def test_after_an_ideal_lowpass_nothing_folds():
    cfg = config.compose("data=digits", "model=tiny", "downsample=ideal")
    network = config.network(cfg, rngs=nnx.Rngs(0))
    assert isinstance(network.stages[1].lowpass, Ideal)
    for one in measure(Aliasing(), network, split(shape=(28, 28, 1))):
        if one.params["map"] == "filtered":
            assert one.value == pytest.approx(0, abs=1e-6)
        elif one.measure == "share":
            assert one.value > 0.01


def test_without_a_stride_a_row_says_so():
    (one,) = measure(Aliasing(), networks.of([networks.Keep()]), SPLIT)
    assert (one.measure, one.method) == ("skipped", "no downsampler with a stride")


def test_nothing_of_nothing_is_nothing():
    assert ratio(0.0, 0.0) == 0
