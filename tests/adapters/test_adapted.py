"""What is done around every model: its preprocessing, its options, its refusals."""

import numpy as np
import pytest
from PIL import Image

from research.adapters.engine.adapted import Adapted
from research.adapters.engine.description import Description
from research.adapters.engine.loading import kinds, load_model, part
from research.adapters.engine.preprocess import fit, preprocess
from research.errors import UserError

IMAGES = np.random.default_rng(0).random((3, 20, 30, 3), np.float32)
FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def pillow(image, size, crop, interpolation):
    """Scales the shorter side and cuts the centre, a channel at a time in float."""
    scaled = [round(side / crop) for side in size]
    scale = max(scaled[0] / image.shape[0], scaled[1] / image.shape[1])
    height, width = (round(side * scale) for side in image.shape[:2])
    channels = [
        np.asarray(
            Image.fromarray(image[..., c]).resize(
                (width, height), FILTERS[interpolation]
            )
        )
        for c in range(image.shape[2])
    ]
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    cut = np.stack(channels, -1)[top : top + size[0], left : left + size[1]]
    return cut.clip(0, 1)


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize(
    "size, crop", [((10, 10), 1.0), ((8, 8), 0.5), ((40, 40), 1.0)]
)
def test_images_are_scaled_as_pillow_does_it(interpolation, size, crop):
    ours = fit(IMAGES, size, crop, interpolation)
    for image, got in zip(IMAGES, ours, strict=True):
        expected = pillow(image, size, crop, interpolation)
        np.testing.assert_allclose(got, expected, atol=2e-5)


def test_images_of_the_right_size_are_not_resampled():
    known = Description(size=(20, 30), crop=0.5)
    assert preprocess(IMAGES, known) is IMAGES


def test_a_grey_image_has_three_equal_channels():
    known = Description(channels=3, mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0))
    found = preprocess(IMAGES[..., :1], known)
    assert found.shape == IMAGES.shape
    expected = (IMAGES[..., :1] - [0.1, 0.2, 0.3]) / [1, 2, 4]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_kinds_are_the_modules():
    assert "function" in kinds() and "engine" not in kinds()
    assert part("numpy:asarray") == ("function", "numpy:asarray")
    assert part("function:numpy:asarray") == ("function", "numpy:asarray")
    assert part("torch:a:b") == ("torch", "a:b")


def test_what_the_model_says_can_be_overridden():
    found = load_model(
        "numpy:asarray",
        {
            "answers": "embeddings",
            "preprocess": {"size": [10, 12], "crop": 1, "mean": [0.5]},
        },
    )
    known = found.description
    assert (known.size, known.mean, known.crop) == ((10, 12), (0.5,), 1.0)
    assert found.answers == "embeddings"
    with pytest.raises(
        UserError, match=r"takes images of \[10,12\], .*\[20,30,3\]: se"
    ):
        found.fit((20, 30, 3))
    scaled = load_model(
        "numpy:asarray", {"preprocess": {"size": [10, 12], "resize": True}}
    )
    assert scaled.fit((20, 30, 3))(IMAGES).shape == (3, 10, 12, 3)


def test_many_images_are_given_a_few_at_a_time():
    sizes = []

    def mean(images):
        sizes.append(len(images))
        return images.mean((1, 2))

    images = np.random.default_rng(0).random((150, 4, 4, 3), np.float32)
    answers = Adapted(mean, Description())(images)
    np.testing.assert_array_equal(answers, images.mean((1, 2)))
    assert sizes == [64, 64, 22]
    sizes.clear()
    Adapted(mean, Description(), batch=None)(images)
    assert sizes == [150]


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda images: {"logits": images}, "returned no array for 2 images"),
        (lambda images: images[:1].mean((1, 2)), r"returned an array \(1, 3\)"),
        (lambda images: images.mean((1, 2, 3)), r"returned an array \(2,\)"),
    ],
)
def test_what_is_no_answer_is_refused_beforehand(answer, said):
    with pytest.raises(UserError, match=said):
        Adapted(answer, Description(), faults=(ValueError,)).fit((8, 8, 3))


def test_an_option_of_another_kind_is_refused():
    with pytest.raises(UserError, match=r"adapter.weights=x: predict=function:… takes"):
        load_model("numpy:asarray", {"weights": "x"})


def test_channels_that_a_model_does_not_take_are_refused():
    found = Adapted(np.asarray, Description(channels=3), path="torch:a:b")
    assert found.fit((8, 8, 1)) is found
    with pytest.raises(UserError, match=r"of 3 channels; set data.shape=\[8,8,3\]"):
        found.fit((8, 8, 4))
    found = Adapted(np.asarray, Description(channels=3, mean=(0.1, 0.2)))
    with pytest.raises(UserError, match="preprocess.mean: has 2 values; takes one"):
        found.fit((8, 8, 3))
