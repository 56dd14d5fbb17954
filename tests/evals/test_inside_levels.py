"""Looking inside networks that go up again: every map of a level, down and up."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dense_networks import build, scenes
from known import measure, table

from research.data.split import Split
from research.evals.cost import Cost
from research.evals.engine.inside import Inside
from research.evals.engine.modules import in_inference
from research.evals.engine.operations import count_operations
from research.evals.engine.places import place_shapes
from research.evals.engine.receptive import receptive_fields
from research.evals.explorer import Explorer
from research.evals.layers import Layers
from research.evals.location import Location
from research.evals.receptive import Receptive, effective_fields
from research.evals.scramble import Scramble, permute
from research.models.level import stage_maps
from research.nn.layers import count_parameters
from research.transforms.scrambles import draw_seeds

SHAPE = (8, 16)
EXACT = ["downsample=max_aps", "upsample=polyphase"]
BROKEN = ["downsample=max", "downsample.reduce.padding=circular", "upsample=bilinear"]
PARTS = {
    "unet": ["ConvNormAct", "Downsample", *["ConvNormAct"] * 2, "{}", "ConvNormAct"],
    "unet of three": [
        *("ConvNormAct", "Downsample", "ConvNormAct", "Downsample"),
        *(*["ConvNormAct"] * 2, "{}", "ConvNormAct", "ConvNormAct", "{}"),
        "ConvNormAct",
    ],
    "fcn": [
        *("ConvNormAct", "Downsample", "ConvNormAct", "Downsample"),
        *("ConvNormAct", "Conv", "{}", "{}"),
    ],
    "segnet": ["ConvNormAct", "Downsample", "{}", "ConvNormAct"],
}
STRIDES = {
    "unet": [1, 2, 2, 2, 1, 1],
    "unet of three": [1, 2, 2, 4, 4, 4, 2, 2, 2, 1, 1],
    "fcn": [1, 2, 2, 4, 4, 4, 2, 1],
    "segnet": [1, 2, 1, 1],
}


def maps_of(network, images):
    """Every map, by the modules themselves."""
    x = network.standardize(images)
    for stage in network.stages:
        *inner, x = stage_maps(stage, x)
        yield from (*inner, x)


@pytest.mark.parametrize("family", PARTS)
def test_places_name_the_maps_and_their_strides(family):
    network = build(SHAPE, family, *BROKEN)
    inside = Inside(network, name="it", batch=2)
    assert inside.parts == [part.format("Bilinear") for part in PARTS[family]]
    assert inside.strides == [(s, s) for s in STRIDES[family]]
    x = jnp.asarray(scenes(2, SHAPE).images / np.float32(255))
    maps = inside.features(x)
    shapes = place_shapes(inside.network, (*SHAPE, 1))
    assert [y.shape[1:] for y in maps] == shapes
    wanted = jax.jit(lambda x: list(maps_of(inside.network, x)))(x)
    for y, want in zip(maps[1:], wanted, strict=True):
        np.testing.assert_allclose(y, want, atol=1e-5)
    logits = inside.logits_from(maps[1], 1)
    np.testing.assert_allclose(logits, inside.network.readout(maps[-1]), atol=1e-5)


def errors(network, shifts):
    rows = measure(Layers(shifts=shifts, batch=4), network, scenes(4, SHAPE))
    return {
        (row.params["shift"][0], row.params["grid"], row.params["index"]): row.value
        for row in rows
        if row.measure == "error"
    }


def test_inner_maps_of_an_exact_network_follow_the_phase_of_every_shift():
    found = errors(build(SHAPE, "unet of three", *EXACT), [1, 2, 3])
    assert len(found) == 3 * 11
    assert max(found.values()) < 1e-5
    strides = STRIDES["unet of three"]
    assert {key[1:] for key in found if key[0] == 1} == {
        ("on" if stride == 1 else "off", index) for index, stride in enumerate(strides)
    }


def test_layers_say_where_on_the_way_up_equivariance_is_lost():
    found = errors(build(SHAPE, "unet", *BROKEN), [1, 2])
    assert all(found[2, "on", index] < 1e-5 for index in range(6))
    assert found[1, "on", 0] < 1e-5
    assert all(found[1, "off", index] > 0.01 for index in (1, 2, 3))
    assert all(found[1, "on", index] > 0.01 for index in (4, 5))


def test_theoretical_fields_grow_down_and_up_again():
    """3 by the first window; 2·2 more at stride 2; the rest by hand."""
    simple = ["downsample=decimate", "upsample=nearest", "model/norm=none"]
    network = in_inference(build(SHAPE, "unet", *simple))
    sizes = [3, 3, 7, 7, 7, 9]
    assert receptive_fields(network, (*SHAPE, 1)) == [(k, k) for k in sizes]
    deep = in_inference(build(SHAPE, "unet of three", *simple))
    sizes = [3, 3, 7, 7, 15, 15, 15, 19, 19, 19, 21]
    assert receptive_fields(deep, (*SHAPE, 1)) == [(k, k) for k in sizes]
    adaptive = in_inference(build(SHAPE, "unet", *EXACT))
    whole = [(None, None)] * 5
    assert receptive_fields(adaptive, (*SHAPE, 1)) == [(3, 3), *whole]


@pytest.mark.slow  # compiles a gradient for every map
@pytest.mark.parametrize("family", ["unet of three", "segnet"])
def test_effective_fields_are_the_gradient_of_each_centre(family):
    network = build(SHAPE, family, *BROKEN)
    network.std = (0.5,)
    images = scenes(2, SHAPE).images
    inside = Inside(network, name="it", batch=2)
    found = list(effective_fields(inside, images))
    x = jnp.asarray(images / np.float32(255))

    @jax.jit
    def centres(x):
        maps = maps_of(inside.network, x)
        return [y[:, y.shape[1] // 2, y.shape[2] // 2].sum() for y in maps]

    for field, gradient in zip(found, jax.jacrev(centres)(x), strict=True):
        want = np.abs(gradient).sum(-1).mean(0)
        np.testing.assert_allclose(field, want, atol=1e-4 * want.max())
    rows = measure(Receptive(examples=2), network, Split({"image": images}))
    assert [row.params["part"] for row in rows[:: len(rows) // len(found)]] == (
        inside.parts
    )


@pytest.mark.parametrize("family", ["unet of three", "fcn"])
def test_costs_of_parts_add_up(family):
    network = build(SHAPE, family, "downsample=strided", "upsample=transposed")
    rows = measure(Cost(), network, scenes(1, SHAPE))
    parts = [part.format("Transposed") for part in PARTS[family]]
    work = count_operations(in_inference(network), (*SHAPE, 1))
    totals = vars(work) | {"parameters": count_parameters(network)}
    for measured, total in totals.items():
        each = [
            row for row in rows if row.measure == measured and "index" in row.params
        ]
        assert [row.params["part"] for row in each] == [*parts, "readout"]
        assert [row.params["index"] for row in each] == list(range(len(parts) + 1))
        assert sum(row.value for row in each) == total
        assert all(row.value >= 0 for row in each)
    heights = [row.value for row in rows if row.measure == "height"]
    assert heights == [SHAPE[0] // stride for stride in STRIDES[family]]


def test_costs_of_a_level_by_hand():
    """A skip is stacked for nothing; the 1×1 below goes back to the width above."""
    network = build(SHAPE, "unet", "downsample=max", "upsample=nearest")
    rows = measure(Cost(), network, scenes(1, SHAPE))
    found = [
        r.value for r in rows if r.measure == "multiply_adds" and "index" in r.params
    ]
    whole, half = 8 * 16, 4 * 8
    below = [0, half * 9 * 4 * 6, half * 6 * 4, 0]
    assert found == [
        whole * 9 * 4,
        *below,
        whole * 9 * 8 * 4,
        whole * 4 * 3,
    ]


def test_place_is_read_out_of_the_maps_on_the_way_up():
    network = build(SHAPE, "unet", *EXACT)
    rows = measure(
        Location(examples=40, objects=[1], features=8), network, scenes(40, SHAPE)
    )
    trained = {
        row.params["index"]: row.params["part"]
        for row in rows
        if row.params["weights"] == "trained"
    }
    assert list(trained.values()) == [
        part.format("Polyphase") for part in PARTS["unet"]
    ]


def labelled(count=4):
    """Images with a class each, for a network that goes up again and then pools."""
    images = scenes(count, SHAPE).images
    return Split.labelled(images, np.arange(count, dtype=np.int32) % 3)


def test_the_explorer_describes_the_last_map_of_each_stage():
    network = build(SHAPE, "unet", *BROKEN, "model/head=gap")
    split = labelled()
    explorer = Explorer(images=2, grid=2, examples=2, batch=4)
    rows = [one for one in measure(explorer, network, split) if one.params]
    inside = Inside(network, name="it", batch=2)
    shapes = place_shapes(inside.network, (*SHAPE, 1))[1:]
    stated = table(measure(Cost(), network, split))
    sizes = [one for one in rows if one.measure == "size"]
    assert [one.params["index"] for one in sizes] == [0, 4, 5] == inside.ends
    for one in sizes:
        index = one.params["index"]
        assert one.params["part"] == inside.parts[index]
        assert one.arrays["stride"].tolist() == list(inside.strides[index])
        assert len(one.arrays["rows"]) == shapes[index][0]
        assert (one.arrays["fields"].max((2, 3)) == 255).all(), "each unit sees pixels"
    for one in rows:
        if one.measure.startswith("receptive"):
            own = one.params
            key = f"cost,index={own['index']},part={own['part']}/{one.measure}"
            assert one.value == stated[key].value


def test_scrambles_are_of_the_last_map_of_each_stage():
    network = build(SHAPE, "unet", *BROKEN, "model/head=flatten")
    split = labelled(5)
    scramble = Scramble(grids=[], blocks=[], sizes=[2], batch=5)
    found = table(measure(scramble, network, split))
    rows = [
        one
        for one in found.values()
        if one.protocol == "stage" and one.measure == "accuracy"
    ]
    assert [one.params["index"] for one in rows] == [0, 4, 5]
    plain = in_inference(network)
    seeds = draw_seeds(0, 5)

    @jax.jit
    def scrambled(images, number):
        x = plain.standardize(images)
        for index, stage in enumerate(plain.stages):
            x = stage(x)
            x = jnp.where(index == number, permute(x, seeds, (2, 2)), x)
        return plain.readout(x)

    images = jnp.asarray(split.images / np.float32(255))
    for number, one in enumerate(rows):
        wanted = np.asarray(scrambled(images, number)).argmax(-1)
        np.testing.assert_array_equal(one.arrays["predictions"], wanted)
