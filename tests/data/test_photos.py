"""Photographs without labels: whatever a folder holds, as a viewer shows it."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from building import encoded, load
from PIL import ExifTags, Image, ImageCms

from research import config
from research.data.pictures import open_picture
from research.errors import UserError
from research.files import atomic

ROOT = Path(__file__).parents[2]
SMALL = {"shape": [14, 14, 3], "central": 0.875}  # canvases of 16×16


def waves(height=48, width=64):
    """A smooth picture, no part of which is like another."""
    y, x = np.mgrid[:height, :width]
    planes = [128 + 60 * np.sin((x + k * y) / (7 + k)) for k in range(3)]
    return np.stack(planes, -1).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "album/2024/sea").mkdir(parents=True)
    (tmp_path / "album/a.png").write_bytes(encoded(waves()))
    (tmp_path / "album/2024/sea/b.jpg").write_bytes(encoded(waves(40, 30), "JPEG"))
    (tmp_path / "album/notes.txt").write_text("no picture")
    (tmp_path / "album/.DS_Store").write_bytes(b"\0")
    return tmp_path / "album"


def read(folder, **changed):
    options = {**SMALL, "dir": str(folder.parent / "data"), **changed}
    return load("photos", manual_dir=str(folder), **options)


def test_pictures_of_any_depth_and_size_come_with_what_lies_around_them(folder):
    found = read(folder)
    split = found.split("test")
    assert set(split.arrays) == {"image", "canvas", "corner"} and found.classes is None
    assert split.images.shape == (2, 14, 14, 3)
    assert split["canvas"].shape == (2, 16, 16, 3)
    np.testing.assert_array_equal(split["corner"], 1)
    np.testing.assert_array_equal(split.images, split["canvas"][:, 1:15, 1:15])


def test_each_of_several_processes_makes_arrays_for_itself(folder, monkeypatch):
    monkeypatch.setattr(atomic, "writes", False)
    assert [len(read(folder).split("test")) for _ in range(2)] == [2, 2]


def test_a_picture_is_scaled_until_it_covers_the_canvas_and_cut_at_its_centre(folder):
    (folder / "2024/sea/b.jpg").unlink()
    (canvas,) = read(folder).split("test")["canvas"]
    whole = Image.fromarray(waves())
    square = whole.resize((16, 16), Image.Resampling.BILINEAR, (8, 0, 56, 48))
    np.testing.assert_array_equal(canvas, np.asarray(square))
    (bare,) = read(folder, central=1.0, shape=[16, 16, 3]).split("test").images
    np.testing.assert_array_equal(bare, canvas)


def test_without_resize_windows_are_cut_at_the_native_resolution(folder):
    images = read(folder, resize=False).split("test")["canvas"]
    centres = [waves()[16:32, 24:40], waves(40, 30)[12:28, 7:23]]
    assert any(np.array_equal(one, centres[0]) for one in images)
    with pytest.raises(UserError, match=r"b\.jpg has 40×30 pixels, .* at least 32×32;"):
        read(folder, resize=False, shape=[28, 28, 3])


def test_with_zoom_windows_are_scaled_after_they_are_cut(folder):
    split = read(folder, zoom=2).split("test")
    assert split["canvas"].shape == (2, 32, 32, 3)
    np.testing.assert_array_equal(split["window"], 28)
    np.testing.assert_array_equal(split["corner"], 2)
    for image, canvas in zip(split.images, split["canvas"], strict=True):
        seen = Image.fromarray(canvas[2:30, 2:30])
        small = seen.resize((14, 14), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(image, np.asarray(small))


def test_arrays_are_made_again_when_a_file_changes_and_otherwise_kept(folder):
    first = read(folder)
    assert read(folder).version == first.version
    (folder / "c.png").write_bytes(encoded(waves(20, 20)))
    again = read(folder)
    assert again.version != first.version and len(again.split("test")) == 3
    assert read(folder, background=[0, 0, 0]).version != again.version


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def opened(tmp_path):
    def open_bytes(content, channels=3, **options):
        path = tmp_path / "picture"
        path.write_bytes(content)
        return np.asarray(open_picture(path, channels, **options))

    return open_bytes


def test_exif_turns_a_picture(opened):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    image = Image.fromarray(waves())
    turned = opened(saved(image, "PNG", exif=exif))
    np.testing.assert_array_equal(turned, waves().transpose(1, 0, 2)[:, ::-1])


@pytest.mark.parametrize("background", [(255, 255, 255), (200, 0, 40)])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_is_transparent_lets_the_background_through(opened, background, kind):
    image = Image.fromarray(waves()).convert("RGBA")
    image.putalpha(Image.fromarray(np.uint8(np.repeat([[0, 255] * 32], 48, 0))))
    seen = opened(saved(image, kind, lossless=True), background=background)
    np.testing.assert_array_equal(seen[:, ::2], np.full_like(seen[:, ::2], background))
    np.testing.assert_array_equal(seen[:, 1::2], waves()[:, 1::2])


def test_a_palette_with_a_transparent_colour_is_opaque(opened):
    image = Image.fromarray(waves()).quantize(8)
    seen = opened(saved(image, "PNG", transparency=0), background=(1, 2, 3))
    hidden = np.asarray(image) == 0
    assert hidden.any() and (seen[hidden] == (1, 2, 3)).all()
    colours = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(seen[~hidden], colours[~hidden])


@pytest.mark.parametrize("depth", [12, 16])
def test_sixteen_bits_of_grey_are_scaled_by_those_that_are_used(opened, depth):
    deep = np.linspace(0, 2**depth - 1, 48 * 64).astype(np.uint16).reshape(48, 64)
    seen = opened(encoded(deep), channels=1)
    assert seen.max() == 255 and seen.min() == 0
    np.testing.assert_array_equal(seen, deep >> (depth - 8))


def test_printed_colours_are_seen(opened):
    image = Image.fromarray(waves()).convert("CMYK")
    seen = opened(saved(image, "JPEG", quality=95)).astype(int)
    assert np.abs(seen - waves()).mean() < 4


def test_colour_profiles_are_converted_to_srgb(opened):
    grey = Image.new("RGB", (4, 4), (128, 128, 128))
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    plain = opened(saved(grey, "PNG"))
    assert (opened(saved(grey, "PNG", icc_profile=linear)) == plain).all()  # not RGB's
    assert (opened(saved(grey, "PNG", icc_profile=b"broken")) == plain).all()
    seen = opened(saved(grey, "PNG", icc_profile=with_gamma(1.0)))
    assert np.abs(seen.astype(int) - 188).max() <= 1  # 255·sRGB(128 / 255)


def with_gamma(gamma):
    """The profile of sRGB with other curves: a single gamma each, in 1/256."""
    profile = bytearray(
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    )
    count = int.from_bytes(profile[128:132], "big")
    for index in range(count):
        at = 132 + 12 * index
        if bytes(profile[at : at + 4]) in (b"rTRC", b"gTRC", b"bTRC"):
            start = int.from_bytes(profile[at + 4 : at + 8], "big")
            curve = b"curv" + bytes(4) + (1).to_bytes(4, "big")
            curve += round(gamma * 256).to_bytes(2, "big") + bytes(2)
            profile[start : start + len(curve)] = curve
            profile[at + 8 : at + 12] = (14).to_bytes(4, "big")
    return bytes(profile)


def test_the_first_frame_of_an_animation_counts(opened):
    frames = [Image.fromarray(waves() // k) for k in (1, 2)]
    moving = saved(
        frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True
    )
    np.testing.assert_array_equal(opened(moving), waves())


@pytest.fixture
def broken(folder):
    whole = encoded(waves(), "JPEG")
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "2024/text.jpg").write_text("no picture")
    (folder / "empty.png").write_bytes(b"")
    (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(16))
    (folder / "raw").write_bytes(encoded(waves()))
    return folder


NAMES = ("cut.jpg", "2024/text.jpg", "empty.png", "phone.heic", "raw")


def test_all_broken_pictures_are_named_at_once(broken):
    with pytest.raises(UserError) as caught:
        read(broken)
    line = str(caught.value)
    assert "\n" not in line and "5 of 7 pictures cannot be used" in line
    assert all(f"{name} " in line for name in NAMES) and "skip_broken=true" in line
    assert not list((broken.parent / "data").rglob("*.npy"))  # nothing half-written


def test_broken_pictures_can_be_skipped(broken, capsys):
    assert len(read(broken, skip_broken=True).split("test")) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith("left out 5 of 7 pictures: ")
    assert all(name in said for name in NAMES)
    for path in broken.rglob("*.*"):
        if path.name in ("a.png", "b.jpg"):
            path.unlink()
    with pytest.raises(UserError, match="5 of 5 pictures cannot be used"):
        read(broken, skip_broken=True)


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"manual_dir": "null"}, "data.manual_dir=null: takes the folder of your"),
        ({"manual_dir": "/nowhere"}, "data.manual_dir=/nowhere: takes the folder"),
        ({"shape": [8, 8, 2]}, r"data.shape=\[8,8,2\]: pictures have 1 channel"),
        ({"central": 0}, "data.central=0: takes a number above 0"),
        ({"background": [0, 0, 256]}, "data.background=.*takes .* from 0 to 255"),
        ({"interpolation": "linear"}, "data.interpolation=linear: takes"),
    ],
)
def test_a_wrong_option_is_refused(tmp_path, changed, said):
    given = {"manual_dir": tmp_path, **changed}
    words = [f"data.{key}={value}" for key, value in given.items()]
    with pytest.raises(UserError, match=said):
        config.data(config.compose("data=photos", *words))
    with pytest.raises(UserError, match="holds no picture"):
        config.data(config.compose("data=photos", f"data.manual_dir={tmp_path}"))


def test_the_name_is_that_of_the_folder():
    cfg = config.compose("data=photos", "data.manual_dir=/home/me/Pictures/sea/")
    assert cfg.data.name == "photos/sea"
    assert config.compose("data=photos").data.name == "photos"


@pytest.mark.slow  # a process that trains
def test_nothing_is_trained_on_them(folder):
    with pytest.raises(UserError, match="nothing can be trained on them"):
        read(folder).split("train")
    line = [sys.executable, ROOT / "scripts/train.py", "data=photos"]
    place = [f"data.manual_dir={folder}", f"root={folder.parent / 'out'}"]
    place += [f"data.dir={folder.parent / 'data'}", "data.shape=[14,14,3]"]
    done = subprocess.run([*line, *place], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2, done.stderr
    (said,) = done.stderr.splitlines()
    assert "photographs without labels have only split=test" in said
    with pytest.raises(UserError, match="data.classes=null: photos has no labels"):
        config.network(config.compose("data=photos"), rngs=None)


def test_preparing_them_makes_their_arrays(folder):
    line = [sys.executable, ROOT / "scripts/prepare.py", "data=photos"]
    place = [f"data.manual_dir={folder}", f"data.dir={folder.parent / 'data'}"]
    done = subprocess.run([*line, *place], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "photos/album is prepared: 2 images" in done.stderr
    assert list((folder.parent / "data").rglob("canvas.npy"))
