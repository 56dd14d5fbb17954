"""Embedding: the canvas against Pillow, the path against NumPy."""

import jax.numpy as jnp
import numpy as np
import pytest
from known import PLACE, ink, measure, pixel, split, sure, table
from PIL import Image

from research.data.split import Split
from research.errors import UserError
from research.evals.embed import Embed, draw_paths
from research.evals.engine.canvas import Canvas, draw_places

SPLIT = split(examples=40, shape=(12, 16, 1))
BRIGHT = Split.labelled(np.full((40, 12, 16, 1), 204, np.uint8), np.ones(40, np.int32))


def test_canvas_is_pillows_resize_in_its_place():
    images = np.random.default_rng(0).random((3, 12, 16, 2), np.float32)
    places = np.array([(0, 0), (6, 8), (2, 5)])
    ours = Canvas(6, 8, (0.25, 0.5))(jnp.asarray(images), jnp.asarray(places))
    for image, (y, x), canvas in zip(images, places, ours, strict=True):
        expected = np.tile(np.float32([0.25, 0.5]), (12, 16, 1))
        for channel in range(2):
            grey = Image.fromarray(image[..., channel])
            small = grey.resize((8, 6), Image.Resampling.BILINEAR)
            expected[y : y + 6, x : x + 8, channel] = np.asarray(small)
        np.testing.assert_allclose(canvas, expected, atol=1e-5)


def test_path_of_a_bright_box_past_a_pixel():
    rows = table(measure(Embed(size=0.5, steps=3, batch=16), pixel, BRIGHT))
    places, step = draw_paths(0, 40, (6, 8))
    seen = []
    for taken in range(4):
        y, x = (places + taken * step).T
        inside = (y <= PLACE[0]) & (PLACE[0] < y + 6) & (x <= PLACE[1])
        seen.append(inside & (PLACE[1] < x + 8))
    seen = np.array(seen)
    name = "embed,size=0.5,steps=3"
    flips = (seen[1:] != seen[:-1]).sum(0)
    assert flips.max() == 1 and 0 < flips.mean() < 1
    found = rows[f"{name}/jaggedness"].arrays
    np.testing.assert_array_equal(found["examples"], flips)
    np.testing.assert_array_equal(found["predictions"], seen.T)
    first = seen[1] != seen[0]
    np.testing.assert_array_equal(rows[f"{name}/flip"].arrays["examples"], first)
    change = first * abs(sure(0.3) - sure(-0.5))
    mac = rows[f"{name}/mac"].arrays["examples"]
    np.testing.assert_allclose(mac, change, atol=1e-5)
    assert rows[f"{name}/accuracy"].value == seen[0].mean()


def test_ink_is_never_jagged():
    rows = table(Embed(size=0.5, steps=1, background=0.6)(ink, SPLIT))
    name = "embed,size=0.5,steps=1"
    assert rows[f"{name}/jaggedness"].value == rows[f"{name}/flip"].value == 0
    assert rows[f"{name}/mac"].value == pytest.approx(0, abs=1e-6)
    longer = table(Embed(size=0.5, steps=3, background=0.6)(ink, SPLIT))
    jagged = longer["embed,size=0.5,steps=3/jaggedness"]
    assert (jagged.low, jagged.high) == (
        0,
        pytest.approx(3 * rows[f"{name}/flip"].high),
    )


def test_paths_stay_on_the_canvas_and_places_are_uniform():
    for room in ((6, 8), (5, 5)):
        places, step = draw_paths(1, 500, room)
        assert (np.abs(step).sum(1) == 1).all()
        assert step[:, 0].any() and step[:, 1].any()
        ends = places + (min(room) + 1) // 2 * step
        assert (ends >= 0).all() and (ends <= room).all()
    _, times = np.unique(draw_places(0, 3000, (2, 4)), axis=0, return_counts=True)
    assert len(times) == 15 and abs(times - 200).max() < 5 * np.sqrt(200)
    np.testing.assert_array_equal(
        draw_places(0, 5, (2, 4)), draw_places(0, 9, (2, 4))[:5]
    )


@pytest.mark.parametrize(
    "settings, key",
    [
        ({"size": 1.0}, r"eval\.embed\.size=1"),
        ({"size": 0.0}, r"eval\.embed\.size=0"),
        ({"steps": 4}, r"eval\.embed\.steps=4.*1 to 3"),
        ({"background": [0.1, 0.2]}, "background"),
    ],
)
def test_what_does_not_fit_is_named(settings, key):
    with pytest.raises(UserError, match=key):
        Embed(**settings).check(pixel, SPLIT)
