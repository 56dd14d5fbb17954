"""What wrappers promise: theorems of each, and answers that are left as they were."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research.errors import UserError
from research.nn.signal import shift
from research.transforms.shifts import Crop
from research.wrappers.average import Average
from research.wrappers.blur import Blur
from research.wrappers.canonical import Canonical
from research.wrappers.rics import EXACT, LARGEST, LEVELS, Rics, find_highest, limit
from research.wrappers.wrapper import Wrapped, WrappedFunction, Wrapper, mean_of_views

SHAPE = (12, 16, 3)
EACH = [Average(border="circular"), Average(), Blur(), Canonical(), Rics(), Rics(0.75)]
EACH += [Rics(0.75, cyclic=False), Average(2, 2, "valid"), Average(border="zero")]
STEADY = [Canonical(), Canonical(0.0), Rics(taps=4), Rics(0.75, taps=5, seed=3)]


def pictures(count=6, shape=SHAPE, seed=0):
    """Images of whole levels, as those that are stored."""
    random = np.random.default_rng(seed)
    return jnp.asarray(random.integers(0, 256, (count, *shape)) / np.float32(255))


def weigh(images):
    """A classifier that no shift leaves alone: each pixel has weights of its own."""
    flat = images.reshape(len(images), -1)
    weights = np.random.default_rng(1).normal(size=(flat.shape[1], 5))
    return flat @ jnp.asarray(weights, jnp.float32)


class Weigh(nnx.Module):
    def __call__(self, images):
        return {"logits": weigh(images), "embedding": images.mean((1, 2))}


def all_shifts(shape=SHAPE):
    return [(dy, dx) for dy in range(0, shape[0], 5) for dx in range(0, shape[1], 3)]


@pytest.mark.parametrize("wrapper", EACH, ids=str)
def test_views_are_of_the_shape_that_is_said(wrapper):
    views = wrapper.views(pictures())
    assert {view.shape for view in views} == {(6, *wrapper.shape(SHAPE))}


@pytest.mark.parametrize("wrapper", EACH, ids=str)
def test_networks_and_functions_give_the_same_mean_answer(wrapper):
    images = pictures()
    expected = np.mean([weigh(view) for view in wrapper.views(images)], 0)
    ours = Wrapped(Weigh(), wrapper)(images)
    seen = []

    def foreign(batch):
        assert batch.flags.writeable
        seen.append(len(batch))
        return weigh(batch)

    theirs = WrappedFunction(foreign, wrapper)(np.asarray(images))
    np.testing.assert_allclose(ours["logits"], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(theirs, expected, rtol=1e-4, atol=1e-4)
    assert seen == [len(images) * len(wrapper.views(images))]
    assert ours["embedding"].shape == (6, 3)


@pytest.mark.parametrize("wrapper", EACH, ids=str)
def test_constant_images_are_seen_as_they_are(wrapper):
    level = 0.2 if getattr(wrapper, "border", "") != "zero" else 0.0
    images = jnp.full((2, *SHAPE), level)
    for view in wrapper.views(images):
        np.testing.assert_allclose(view, level, rtol=1e-6)


@pytest.mark.parametrize("wrapper", STEADY, ids=str)
def test_any_integer_circular_shift_leaves_the_answer_exactly_as_it_was(wrapper):
    images = pictures(32)
    still = weigh(wrapper.views(images)[0])
    assert not np.allclose(weigh(images), weigh(shift(images, (5, 3))), atol=0.1)
    for offset in all_shifts():
        moved = weigh(wrapper.views(shift(images, offset))[0])
        np.testing.assert_array_equal(moved, still, err_msg=str(offset))


def test_symmetric_content_ties_neither_way():
    """Its crest lies on a pixel or just between two, where rounding would decide."""
    image = np.zeros((2, 12, 12, 1), np.float32)
    image[0, 3:7, 4:6] = image[1, 2:5, 5:8] = 1
    (still,) = Canonical().views(jnp.asarray(image))
    assert 4 < float(np.argmax(still[1].sum((1, 2)))) < 8, "in the middle"
    shifts = np.concatenate([np.roll(image, one, (1, 2)) for one in np.ndindex(12, 12)])
    (moved,) = Canonical().views(jnp.asarray(shifts))
    np.testing.assert_array_equal(moved, np.tile(still, (144, 1, 1, 1)))


def test_an_axis_without_its_lowest_frequency_stays():
    rows = np.tile(np.array([0.0, 1.0] * 6, np.float32)[:, None, None], (1, 16, 3))
    images = jnp.asarray(rows[None])
    height = SHAPE[0] // 2
    np.testing.assert_array_equal(Canonical(0.0).views(images)[0], images)
    (moved,) = Canonical().views(images)
    np.testing.assert_array_equal(moved, shift(images, (height, 0)))


def test_the_mean_over_a_subgroup_does_not_change_under_it():
    """Steps of 4 are a subgroup of the shifts of 12 × 12; steps of 1 all of them."""
    images = pictures(shape=(12, 12, 3))
    for step in (4, 3, 1):
        answer = WrappedFunction(weigh, Average(12 // step, step, "circular"))
        still = answer(np.asarray(images))
        for offset in ((step, 0), (2 * step, step), (0, 5 * step)):
            moved = answer(np.asarray(shift(images, offset)))
            np.testing.assert_allclose(moved, still, atol=1e-3, err_msg=str(offset))
        if step > 1:
            assert np.abs(answer(np.asarray(shift(images, (1, 0)))) - still).max() > 0.1


def test_the_mean_over_a_stride_makes_a_strided_network_invariant():
    """Of what commutes with shifts by 2, the mean over 2 × 2 commutes with all."""

    def strided(images):
        kept = images[:, ::2, ::2] ** 2
        return jnp.stack([kept.mean((1, 2, 3)), (kept**3).mean((1, 2, 3))], 1)

    images = np.asarray(pictures())
    mended = WrappedFunction(strided, Average(2, 1, "circular"))
    moved = np.asarray(shift(jnp.asarray(images), (3, 5)))
    assert np.abs(strided(moved) - strided(images)).max() > 1e-3
    np.testing.assert_allclose(mended(moved), mended(images), rtol=1e-5)


def test_blur_commutes_with_shifts_and_keeps_the_mean():
    wrapper, images = Blur(padding="circular"), pictures()
    (blurred,) = wrapper.views(images)
    for offset in all_shifts():
        (moved,) = wrapper.views(shift(images, offset))
        np.testing.assert_allclose(moved, shift(blurred, offset), atol=1e-6)
    np.testing.assert_allclose(blurred.mean((1, 2)), images.mean((1, 2)), atol=1e-5)
    assert blurred.std() < 0.6 * images.std()


@pytest.mark.parametrize("apart", [(1, 0), (1, 1), (-3, 2), (0, 8)])
def test_crops_agree_as_often_as_exchangeable_scores_do(apart):
    """o/(2M² − o), o = (M − |dy|)(M − |dx|), of 17 × 17 candidates."""
    count, window, canvas, candidates = 1500, 16, 48, 17
    noise = pictures(count, (canvas, canvas, 1), seed=5)
    wrapper = Rics(0.5, cyclic=False, taps=5)
    assert wrapper.candidates((32, 32, 1)) == (candidates, candidates)
    places = []
    for corner in ((8, 8), tuple(np.add(8, apart))):
        corners = jnp.tile(jnp.array(corner), (count, 1))
        crops = Crop(32, 32)(noise, corners)
        places.append(find_highest(wrapper.score(crops)) + corners)
        (view,) = wrapper.views(crops)
        shown = Crop(window, window)(noise, places[-1])
        np.testing.assert_array_equal(view, shown)
    same = np.all(places[0] == places[1], 1).mean()
    overlap = np.prod(candidates - np.abs(apart))
    expected = overlap / (2 * candidates**2 - overlap)
    assert same == pytest.approx(expected, abs=3.5 * np.sqrt(0.25 / count))


def test_the_filter_of_a_selection_is_blind_to_light():
    for channels in (1, 3):
        weights = Rics(taps=7).filter(channels)
        assert weights.sum() == 0 and weights.shape == (7, 7, channels)
        most = limit(channels)
        assert most**2 * channels * LARGEST * LEVELS < EXACT
        assert (most + 1) ** 2 * channels * LARGEST * LEVELS >= EXACT
    lighter = np.asarray(pictures()) * 0 + pictures() / 2
    levels = jnp.round(lighter * 255) / 255
    wrapper = Rics()
    np.testing.assert_array_equal(
        wrapper.score(levels), wrapper.score(levels + 40 / np.float32(255))
    )


@pytest.mark.parametrize(
    "wrapper, answer",
    [
        (Average(5, 3), "wrap.count=5: moves in steps of wrap.step=3 go 12 pixels"),
        (Blur(31), "wrap.taps=31: takes fewer for images of 12×16"),
        (Rics(0.5), "wrap.taps=7: takes a filter no larger than the window, 6×8"),
        (Rics(cyclic=False), "wrap.keep=1.0: leaves one window of 12×16"),
        (Rics(0.99, cyclic=False), "wrap.keep=0.99: leaves one window of 12×16"),
    ],
    ids=str,
)
def test_images_that_are_too_small_are_refused(wrapper, answer):
    with pytest.raises(UserError, match=answer):
        wrapper.shape(SHAPE)


def test_what_is_no_answer_is_left_to_who_asked():
    images = np.asarray(pictures())
    for wrong in (None, np.zeros(3), np.float32(1)):
        answer = WrappedFunction(lambda x, wrong=wrong: wrong, Average())(images)
        assert answer is wrong


def test_the_mean_is_of_the_views_of_one_image():
    answers = np.arange(12.0).reshape(6, 2)
    np.testing.assert_array_equal(mean_of_views(answers, images=2), [[2, 3], [8, 9]])
    assert mean_of_views(answers, images=6) is answers


def test_equal_wrappers_share_a_compilation():
    images, traced = pictures(), []

    def answer(wrapper, x):
        traced.append(wrapper)
        return wrapper.views(x)

    run = jax.jit(answer, static_argnums=0)
    for wrapper in (Canonical(), Canonical(), Canonical(0.25)):
        run(wrapper, images)
    assert len(traced) == 2
    with pytest.raises(NotImplementedError):
        partial(Wrapper().views, images)()
