"""The corruptions of CIFAR-10-C: each against its definition, written another way."""

import colorsys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from research import config
from research.data.split import Split
from research.errors import UserError
from research.evals.corruptions import Corruptions
from research.transforms.corruptions import blur, digital, noise, weather
from research.transforms.corruptions.corruption import Corruption

CORRUPTIONS = config.evals(config.compose("eval=corruptions"))["corruptions"]
KINDS = CORRUPTIONS.corruptions
RANDOM = {"gaussian_noise", "shot_noise", "impulse_noise", "glass_blur", "motion_blur"}
RANDOM |= {"snow", "frost", "fog", "elastic"}


@pytest.fixture(scope="module")
def photographs():
    """Two photographs of 32×32, as integers."""
    names = ("flower.jpg", "china.jpg")
    box = (150, 60, 480, 390)
    pictures = [Image.fromarray(load_sample_image(name)).crop(box) for name in names]
    return np.stack([np.asarray(picture.resize((32, 32))) for picture in pictures])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def gray(value, size=64, channels=3):
    return np.full((size, size, channels), value)


def test_there_are_fifteen_at_five_severities():
    assert len(KINDS) == 15
    assert {len(one.severities) for one in KINDS.values()} == {5}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 1), (20, 33, 3)])
def test_any_size_and_any_channels(kind, shape, rng):
    images = rng.integers(0, 256, (2, *shape)).astype(np.uint8)
    for severity in (1, 5):
        made = KINDS[kind](images, np.array([1, 2]), severity)
        assert made.shape == images.shape and made.dtype == np.uint8
        assert (made != images).any()


@pytest.mark.parametrize("kind", KINDS)
def test_an_example_is_corrupted_alike_in_any_batch(kind, photographs):
    whole = KINDS[kind](photographs, np.array([7, 8]), 3)
    alone = KINDS[kind](photographs[1:], np.array([8]), 3)
    np.testing.assert_array_equal(whole[1:], alone)
    other = KINDS[kind](photographs[1:], np.array([9]), 3)
    assert (alone != other).any() == (kind in RANDOM)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"glass_blur", "elastic"}))
def test_severity_is_distance_from_the_image(kind, photographs):
    def distance(severity):
        made = KINDS[kind](photographs, np.array([1, 2]), severity)
        return np.square(made.astype(float) - photographs).mean()

    assert distance(5) > 1.5 * distance(1) > 0


@pytest.mark.parametrize(
    "corrupt, level, variance",
    [
        (lambda x, rng: noise.add_gaussian_noise(x, rng, 0.1), 0.5, 0.01),
        (lambda x, rng: noise.add_shot_noise(x, rng, 50), 0.5, 0.5 / 50),
        (lambda x, rng: noise.add_impulse_noise(x, rng, 0.07), 0.5, 0.07 / 4),
    ],
)
def test_noise_has_its_variance_and_leaves_the_mean(corrupt, level, variance, rng):
    made = corrupt(gray(level, 200), rng)
    assert abs(made.mean() - level) < 4 * np.sqrt(variance / made.size)
    assert abs(made.var() / variance - 1) < 0.05


def test_blurs_keep_constants(rng):
    flat = gray(0.3, 32)
    for made in (
        blur.defocus(flat, rng, 1.5, 0.1),
        blur.see_through_glass(flat, rng, 0.4, 1, 2),
        blur.blur_by_motion(flat, rng, 9, 2.5),
        blur.blur_by_zoom(flat, rng, 1.25, 0.01),
    ):
        np.testing.assert_allclose(made, flat, atol=1e-12)


def test_a_disk_out_of_focus_is_its_kernel(rng):
    point = np.zeros((33, 33, 1))
    point[16, 16] = 1
    spread = blur.defocus(point, rng, 1.5, 1e-3)[..., 0]
    y, x = np.nonzero(spread)
    assert len(y) == 9 and spread[y, x] == pytest.approx(1 / 9)
    assert ((y - 16) ** 2 + (x - 16) ** 2).max() <= 1.5**2


def test_frosted_glass_only_moves_pixels_and_not_far(rng):
    image = np.arange(32 * 32.0).reshape(32, 32, 1)
    made = blur.see_through_glass(image, rng, 1e-3, 1, 1)
    assert sorted(made.ravel()) == sorted(image.ravel())
    assert 0.5 < (made != image).mean()


def test_a_trail_lies_on_one_side_and_falls_as_half_a_gaussian():
    point = np.zeros((33, 33, 1))
    point[16, 16] = 1
    row = blur.trail(point, 3, 2.0, 0.0)[16, :, 0]
    expected = np.exp(-(np.arange(7.0) ** 2) / 8)
    np.testing.assert_allclose(row[10:17][::-1], expected / expected.sum())
    np.testing.assert_allclose(row.sum(), 1)
    column = blur.trail(point, 3, 2.0, -90.0)[:, 16, 0]
    np.testing.assert_allclose(column[::-1][16:23], row[16:9:-1], atol=1e-12)


def test_magnifying_is_bilinear_about_the_centre():
    ramp = np.arange(9.0).reshape(1, 9, 1).repeat(9, axis=0)
    made = blur.magnify(ramp, 2.0)[4, :, 0]
    np.testing.assert_allclose(made, 4 + (np.arange(9) - 4) / 2)


def test_brightness_is_the_value_of_hsv(photographs, rng):
    image = photographs[0] / 255
    made = weather.brighten_value(image, rng, 0.2)
    for (r, g, b), ours in zip(image[::7, 3], made[::7, 3], strict=True):
        h, s, v = colorsys.rgb_to_hsv(r, g, b)
        np.testing.assert_allclose(ours, colorsys.hsv_to_rgb(h, s, min(v + 0.2, 1)))
    np.testing.assert_allclose(weather.brighten_value(gray(0.0), rng, 0.2), 0.2)


def test_a_fractal_fills_its_range_and_gets_smoother_with_its_decay(rng):
    rough, smooth = (weather.draw_plasma(rng, 64, 64, decay) for decay in (1.2, 3))
    for heights in (rough, smooth):
        assert (heights.min(), heights.max()) == (0, 1)
    jumps = [np.abs(np.diff(one, axis=0, append=one[:1])) for one in (rough, smooth)]
    assert jumps[1].mean() < 0.5 * jumps[0].mean()
    assert jumps[1][-1].mean() < 3 * jumps[1].mean()  # on a torus: the edges meet


class Ones(np.random.Generator):
    """Draws nothing but 1, in whatever order it is asked."""

    def uniform(self, low=0.0, high=1.0, size=None):
        return np.ones(size)


def build_plasma(size, decay):
    """Diamond-square on a torus, point by point, each noise being its amplitude."""
    heights, step, amplitude = {(0, 0): 0.0}, size, 1.0

    def mean(*places):
        return sum(heights[y % size, x % size] for y, x in places) / 4

    while step > 1:
        h = step // 2
        for y in range(0, size, step):
            for x in range(0, size, step):
                corners = [(y, x), (y + step, x), (y, x + step), (y + step, x + step)]
                heights[y + h, x + h] = mean(*corners) + amplitude
        for y in range(0, size, step):
            for x in range(0, size, step):
                for v, u in ((y + h, x), (y, x + h)):
                    around = [(v - h, u), (v + h, u), (v, u - h), (v, u + h)]
                    heights[v, u] = mean(*around) + amplitude
        step, amplitude = h, amplitude / decay**2
    found = np.array([[heights[y, x] for x in range(size)] for y in range(size)])
    return (found - found.min()) / np.ptp(found)


@pytest.mark.parametrize("size, decay", [(2, 3), (8, 1.75), (16, 2)])
def test_a_fractal_is_diamond_square_with_its_decay_squared(size, decay):
    made = weather.draw_plasma(Ones(np.random.PCG64()), size, size - 1, decay)
    np.testing.assert_allclose(made, build_plasma(size, decay)[:, : size - 1])


def test_snow_whitens_and_falls_twice(photographs, rng):
    image = photographs[0] / 255
    flakes = weather.add_snow(image, rng, 0.3, 0, 1.25, 0.2, 8, 3, 1)
    np.testing.assert_allclose(flakes, image + 2 * 0.3)
    none = weather.add_snow(image, rng, 0.3, 0, 1.25, 0.4, 8, 3, 1)
    np.testing.assert_allclose(none, image)
    luma = np.asarray(Image.fromarray(photographs[0]).convert("L"))[..., None] / 255
    white = weather.add_snow(image, rng, 0.3, 0, 1.25, 0.4, 8, 3, 0)
    expected = np.maximum(image, 1.5 * luma + 0.5)
    np.testing.assert_allclose(white, expected, atol=1.51 / 255)


def test_fog_keeps_the_maximum_in_place(photographs, rng):
    image = photographs[1] / 255
    made = weather.add_fog(image, rng, 1.5, 1.75)
    assert made.max() <= image.max() + 1e-12 and made.std() < image.std()


def test_contrast_shrinks_about_the_mean_of_each_channel(photographs, rng):
    image = photographs[0] / 255
    made = digital.lower_contrast(image, rng, 0.3)
    np.testing.assert_allclose(made.mean((0, 1)), image.mean((0, 1)))
    np.testing.assert_allclose(made.std((0, 1)), 0.3 * image.std((0, 1)))


def test_a_warp_without_strength_and_tilt_is_none(photographs, rng):
    image = photographs[0] / 255
    np.testing.assert_allclose(digital.warp(image, rng, 0, 0, 0), image, atol=1e-12)
    assert np.abs(digital.warp(image, rng, 0, 0, 0.08) - image).mean() > 0.01


def test_half_the_pixels_are_means_of_two_by_two(rng):
    image = rng.integers(0, 64, (8, 12, 1)) * 4 / 255
    blocks = image.reshape(4, 2, 6, 2, 1).mean((1, 3))
    made = digital.pixelate(image, rng, 0.5)
    expected = blocks.repeat(2, 0).repeat(2, 1)
    np.testing.assert_allclose(made, expected, atol=0.51 / 255)


def test_jpeg_is_that_of_pillow(photographs, rng):
    file = BytesIO()
    Image.fromarray(photographs[0]).save(file, "JPEG", quality=40)
    made = digital.compress(photographs[0] / 255, rng, 40)
    np.testing.assert_array_equal(np.rint(made * 255), np.asarray(Image.open(file)))


@pytest.mark.parametrize(
    "corrupt, given, takes",
    [
        (weather.add_fog, [1], r"\[1\]: takes density \(a number\), decay"),
        (weather.add_fog, [1, 2, 3], r"\[1, 2, 3\]: takes density"),
        (blur.blur_by_motion, [2.5, 1], r"\[2\.5, 1\]: takes radius \(an integer\)"),
        (noise.add_impulse_noise, [2], r"\[2\]: takes share \(a number from 0 to 1\)"),
    ],
)
def test_arguments_that_a_corruption_does_not_take_are_refused(corrupt, given, takes):
    key = r"^eval\.corruptions\.corruptions\.one\.severities="
    with pytest.raises(UserError, match=key + takes):
        Corruptions({"one": Corruption(corrupt, [given])})


def test_the_mean_error_is_that_of_its_rows(photographs):
    labels = np.arange(8, dtype=np.int32) % 2
    split = Split.labelled(np.tile(photographs, (4, 1, 1, 1)), labels)

    def predict(images):
        dark = images.mean((1, 2, 3)) < 0.45
        return np.stack([dark, ~dark], 1).astype(np.float32)

    kinds = {name: KINDS[name] for name in ("snow", "contrast", "gaussian_noise")}
    found = list(Corruptions(kinds)(predict, split))
    right = {}
    for row in found:
        if row.measure == "accuracy":
            right.setdefault(row.params["kind"], []).append(row.value)
    assert {len(values) for values in right.values()} == {5}
    errors = {
        r.params["kind"]: r.value for r in found if r.measure == "corruption_error"
    }
    for kind, values in right.items():
        assert errors[kind] == pytest.approx(1 - np.mean(values))
    assert found[-1].measure == "mce"
    assert found[-1].value == pytest.approx(np.mean(list(errors.values())))
