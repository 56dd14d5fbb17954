"""Images: scaled, upright, in eight bits, whatever the file was."""

import io

import numpy as np
import pytest
from building import decoded, encoded
from PIL import ExifTags, Image, ImageOps

from research.data.crop import random_resized
from research.data.images import encode_storable, find_depth, fit

RNG = np.random.default_rng(0)


def test_fit_covers_and_cuts_at_the_centre():
    wide = np.zeros((8, 24, 3), np.uint8)
    wide[:, 8:16] = (200, 100, 50)  # the centre square
    for content in (encoded(wide), encoded(wide.transpose(1, 0, 2))):
        np.testing.assert_array_equal(
            fit(content, (8, 8, 3)), np.broadcast_to([200, 100, 50], (8, 8, 3))
        )
    grey = fit(encoded(wide[:, 8:16]), (4, 4, 1))
    assert grey.shape == (4, 4, 1)
    assert np.abs(grey - (0.299 * 200 + 0.587 * 100 + 0.114 * 50)).max() <= 1
    noise = RNG.integers(0, 256, (6, 6, 3), np.uint8)
    np.testing.assert_array_equal(fit(encoded(noise), (6, 6, 3)), noise)


def whole(content, shape):
    """What a stream makes of an image of that ratio if it takes all of it."""
    same = {"area": (1.0, 1.0), "ratio": 2 * (shape[1] / shape[0],), "flip": False}
    return random_resized(content, shape, np.random.default_rng(0), **same)


def test_sixteen_bits_of_grey_keep_their_upper_half_in_arrays_and_streams():
    deep = np.linspace(0, 2**16 - 1, 48 * 36).astype(np.uint16).reshape(36, 48)
    content = encoded(deep)
    grey = (deep >> 8).astype(np.uint8)[..., None]
    for decode in (fit, whole):
        np.testing.assert_array_equal(decode(content, (36, 48, 1)), grey)
        colour = decode(content, (36, 48, 3))
        np.testing.assert_array_equal(colour, np.repeat(grey, 3, 2))
    kept = encode_storable(content, (None, None, 1))  # what every reader of TFDS takes
    with Image.open(io.BytesIO(kept)) as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), grey[..., 0])


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "RGB"])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_transparent_lets_white_through(mode, channels):
    hidden = Image.new("RGB", (6, 4), (10, 10, 10))  # the colour below the alpha
    hidden.paste((90, 90, 90), (3, 0, 6, 4))
    options = {}
    if mode in ("RGBA", "LA"):
        image = hidden.convert(mode)
        image.putalpha(Image.fromarray(np.uint8([[0, 0, 0, 255, 255, 255]] * 4)))
    else:  # one colour of them is transparent
        image = hidden.quantize(2) if mode == "P" else hidden.convert(mode)
        options["transparency"] = {"L": 10, "RGB": (10, 10, 10)}.get(
            mode, image.getpixel((0, 0))
        )
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    wanted = np.full((4, 6, channels), 255, np.uint8)
    wanted[:, 3:] = 90
    content = buffer.getvalue()
    for decode in (fit, whole):
        np.testing.assert_array_equal(decode(content, wanted.shape), wanted)
    kept = encode_storable(content, (None, None, channels))
    np.testing.assert_array_equal(fit(kept, wanted.shape), wanted)


def test_half_of_an_alpha_mixes_with_white():
    image = Image.new("RGBA", (2, 2), (0, 0, 0, 128))
    mixed = fit(encoded(np.asarray(image)), (2, 2, 3))
    assert np.abs(mixed.astype(int) - 127).max() <= 1


def test_depth_is_that_of_common_cameras():
    peaks = [0, 255, 256, 1023, 4000, 4095, 4096, 16383, 16384, 65535]
    assert [*map(find_depth, peaks)] == [8, 8, 10, 10, 12, 12, 14, 14, 16, 16]


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", range(10))  # 0 and 9 are none
def test_images_stand_upright_in_arrays_streams_and_records(kind, orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    ramp = np.linspace(0, 255, 64 * 96 * 3).astype(np.uint8).reshape(64, 96, 3)
    content = encoded(ramp, kind, exif=exif)
    with Image.open(io.BytesIO(content)) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    for decode in (fit, whole):
        np.testing.assert_array_equal(decode(content, upright.shape), upright)
    drafted = (upright.shape[0] // 4, upright.shape[1] // 4, 3)
    gap = whole(content, drafted).astype(int) - fit(content, drafted)
    assert np.abs(gap).max() < 9
    kept = encode_storable(content, (None, None, 3))
    np.testing.assert_array_equal(decoded(io.BytesIO(kept)), upright)
    assert (kept == content) == (orientation in {0, 1, 9})


def test_a_broken_exif_does_not_make_an_image_unreadable():
    image = RNG.integers(0, 256, (6, 6, 3), np.uint8)
    content = encoded(image, exif=b"Exif\0\0no TIFF header")
    np.testing.assert_array_equal(fit(content, (6, 6, 3)), image)
