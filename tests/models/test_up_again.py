"""Networks that go down and up again: logits at every pixel, in the image's frame."""

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research import config
from research.config.composing import compose, options_of
from research.distributed import devices
from research.errors import UserError
from research.evals.engine.chain import chain
from research.evals.engine.modules import in_inference
from research.evals.engine.receptive import receptive_fields
from research.models.level import Level
from research.nn.signal import shift

SMALL = {
    "unet": ["model=unet", "model.widths=[4,6,8]"],
    "shallow": ["model=unet", "model.widths=[4,6]", "model.skips=false"],
    "segnet": ["model=segnet", "model.widths=[4,6]", "model.depths=[1,2]"],
    "fcn": ["model=fcn", "model.widths=[4,6,8]", "model.depth=1"],
}
SHAPE, CLASSES = (8, 12, 3), 5


def build(*overrides, shape=SHAPE):
    """A network in inference mode, whose variances are generic."""
    cfg = config.compose(*overrides)
    network = config.build(cfg.model)(
        shape,
        CLASSES,
        downsample=config.build(cfg.downsample),
        upsample=config.build(cfg.upsample),
        rngs=nnx.Rngs(0),
    )
    draw = np.random.default_rng(1)
    for variable in jax.tree.leaves(
        nnx.state(network, nnx.BatchStat), is_leaf=lambda x: isinstance(x, nnx.Variable)
    ):
        variable[...] *= draw.uniform(0.5, 2, variable[...].shape)
    return in_inference(network)


@partial(jax.jit, static_argnums=0)
def apply(graph, state, images):
    return nnx.merge(graph, state)(images)


def images(*shape, seed=0):
    values = np.random.default_rng(seed).uniform(size=shape)
    return jnp.asarray(values, jnp.float32)


def worst_shift(network, offsets):
    """How far the answers are from moving with their image, of their spread."""
    parts, x = nnx.split(network), images(2, *SHAPE)
    y = apply(*parts, x)
    moved = (jnp.abs(shift(y, d) - apply(*parts, shift(x, d))).max() for d in offsets)
    return max(map(float, moved)) / float(y.std())


EVERY = list(np.ndindex(SHAPE[:2]))


@pytest.mark.parametrize(
    "family",
    ["fcn"]
    + [pytest.param(one, marks=pytest.mark.slow) for one in SMALL if one != "fcn"],
)
@pytest.mark.parametrize("up", ["polyphase", "lpu", "unpool"])
def test_answers_move_with_their_image_by_every_circular_shift(family, up):
    if (family, up) == ("fcn", "unpool"):
        pytest.skip("refused")
    parts = ["downsample=max_aps", f"upsample={up}", "model.padding=circular"]
    assert worst_shift(build(*SMALL[family], *parts), EVERY) < 1e-4


@pytest.mark.parametrize(
    "parts",
    [
        ["downsample=max", "upsample=polyphase"],
        ["downsample=max_aps", "upsample=bilinear"],
        ["downsample=max_aps", "upsample=polyphase", "model.padding=zero"],
    ],
)
def test_each_of_the_three_is_needed(parts):
    network = build(*SMALL["unet"], "model.padding=circular", *parts)
    assert worst_shift(network, [(1, 0), (0, 1)]) > 0.01


@pytest.mark.slow  # traces every network at several sizes
@pytest.mark.parametrize("family", SMALL)
@pytest.mark.parametrize("padding", ["zero", "reflect", "circular"])
def test_every_size_has_answers_of_its_own_size(family, padding):
    network = build(*SMALL[family], f"model.padding={padding}", "downsample=max")
    for size in ((8, 12), (9, 7), (11, 16)):
        x = jax.ShapeDtypeStruct((2, *size, 3), jnp.float32)
        y = jax.eval_shape(network, x)
        assert y.shape == (2, *size, CLASSES) and y.dtype == jnp.float32


def parts_of(group):
    """The factory of each option of a group."""
    factories = {}
    for option in options_of(group):
        cfg = compose("model=unet", f"{group}={option}")
        factories[option] = config.build(cfg[group])
    return factories


@pytest.mark.slow  # composes every pair
def test_every_preset_composes_with_every_upsampler_or_says_why_not():
    downs, ups = parts_of("downsample"), parts_of("upsample")
    refused = set()
    for down, up in product(downs, ups):

        def level(down=downs[down], up=ups[up]):
            rngs = nnx.Rngs(0)
            below = down(8, rngs=rngs)
            whole = Level(below, [], up(8, below, rngs=rngs))
            whole.eval()
            return whole(jnp.zeros((2, 8, 12, 8)))

        try:
            assert nnx.eval_shape(level).shape == (2, 8, 12, 8), (down, up)
        except UserError as error:
            kind = "unpool" if up == "unpool" else "polyphase"
            assert f"upsample={kind}" in str(error)
            refused.add((down, up))
    placed = {up for down, up in refused if down == "tips"}
    assert placed == {"unpool", "polyphase", "aps_u", "lpu"}
    assert {down for down, up in refused if up == "lpu"} == {"tips", "space_to_depth"}
    unpooled = set(downs) - {down for down, up in refused if up == "unpool"}
    assert unpooled == {"max", "max_aps", "max_blur", "none"}


def test_maxima_of_other_channels_are_refused():
    with pytest.raises(UserError, match="use model=unet.segnet"):
        build(*SMALL["fcn"], "upsample=unpool")


def test_a_network_that_goes_down_only_refuses_an_upsampler():
    cfg = config.compose("model=tiny", "upsample=nearest")
    with pytest.raises(UserError, match="goes down only"):
        config.network(cfg, rngs=nnx.Rngs(0))


@pytest.mark.slow  # compiles four networks
def test_skips_bring_what_the_way_down_has_lost():
    """Without them and switches, the answers below stride 4 depend on the stride."""
    parts = ["upsample=nearest", "downsample=average", "model.widths=[4,6,8]"]
    blind = build("model=unet", *parts, "model.skips=false", "model.depth=1")
    inner = [stage for stage in blind.stages if isinstance(stage, Level)]
    x = images(1, 8, 8, 4)
    y = inner[0](x)
    assert jnp.allclose(y[:, ::2], y[:, 1::2]) and jnp.allclose(
        y[:, :, ::2], y[:, :, 1::2]
    )
    seeing = build("model=unet", *parts, "model.depth=1")
    (level,) = [stage for stage in seeing.stages if isinstance(stage, Level)]
    assert (level(x)[..., :4] == x).all()


@pytest.mark.slow  # compiles four networks
def test_the_maps_inside_a_level_in_order():
    network = build(*SMALL["unet"])
    (level,) = [stage for stage in network.stages if isinstance(stage, Level)]
    x = images(2, 8, 12, 4)
    maps = list(level.features(x))
    strides = [stride[0] for _, stride in maps]
    assert strides == [2, 2, 2, 4, 4, 4, 4, 2, 2, 2, 2, 1]
    assert all(
        y.shape[1:3] == (8 // s, 12 // s)
        for (y, _), s in zip(maps, strides, strict=True)
    )
    np.testing.assert_allclose(maps[-1][0], level(x), rtol=1e-6)


def test_the_orbit_of_an_exact_network_needs_one_answer():
    """Its steps commute with all shifts, so that none of them is rolled.

    If only the last part does not, a level of stride 4 still commutes with those by 4.
    """
    exact = ["downsample=max_aps", "upsample=polyphase", "model.padding=circular"]
    x = images(2, *SHAPE)
    steps, _ = chain(build(*SMALL["unet"], *exact), x, devices.mesh())
    assert all(step.rolls == (1, 1) for step in steps)
    broken = build(*SMALL["unet"], *exact, "upsample=bilinear")
    rolls = [step.rolls for step in chain(broken, x, devices.mesh())[0]]
    assert [one for one in rolls if one != (1, 1)] == [(4, 4)]


@pytest.mark.parametrize("skips", ["true", "false"])
def test_receptive_fields_through_a_level(skips):
    """Of a window of 3 each, at stride 1, 2 and 1 again."""
    network = build(
        "model=unet",
        "model.widths=[4,6]",
        "model.depth=1",
        "model/norm=none",
        "downsample=decimate",
        "upsample=nearest",
        f"model.skips={skips}",
        shape=(32, 32, 3),
    )
    first, *inside, level, last = receptive_fields(network, (32, 32, 3))
    assert first == (3, 3) and level == (7, 7)
    assert inside == [(3, 3), (7, 7), (7, 7)]
    assert last[0] > level[0]


@pytest.mark.slow  # compiles every preset's step
def test_training_moves_every_parameter():
    network = build(*SMALL["unet"], "downsample=lps", "upsample=transposed")
    network.train()
    graph, params, rest = nnx.split(network, nnx.Param, ...)
    rest = nnx.as_pure(rest)

    @jax.jit
    def gradient(params, x):
        def loss(params):
            return (nnx.merge(graph, params, rest)(x) ** 2).mean()

        return jax.grad(loss)(nnx.as_pure(params))

    for path, leaf in jax.tree_util.tree_leaves_with_path(
        gradient(params, images(2, *SHAPE))
    ):
        assert jnp.isfinite(leaf).all(), path
        assert jnp.abs(leaf).max() > 0, path
