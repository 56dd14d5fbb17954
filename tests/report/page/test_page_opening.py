"""The picture that a page opens with, against the networks that it is of."""

import base64
import io

import jax.numpy as jnp
import numpy as np
import pytest
from pages import NETWORKS, SPLIT, explored_runs, made, network, plane_run
from PIL import Image
from test_page import Elements

from research.report.page.opening import draw_opening
from research.report.results import Results
from research.report.shifts import choose_arms, choose_image, describe, select


@pytest.mark.slow  # trains, and asks for every shift
def test_answers_are_those_of_the_network_to_each_shift(tmp_path):
    results = Results.read(explored_runs(tmp_path))
    shown = select(results, arms=list(NETWORKS), image=2)
    np.testing.assert_array_equal(shown.image, SPLIT.images[2])
    height, width = shown.image.shape[:2]
    moves = [(y, x) for y in range(height) for x in range(width)]
    views = jnp.stack([jnp.roll(shown.image, move, (0, 1)) for move in moves]) / 255
    for one, parts in zip(shown.networks, NETWORKS.values(), strict=True):
        own = network(*parts)
        own.eval()
        said = np.asarray(own(views)).argmax(-1).reshape(height, width)
        np.testing.assert_array_equal(one.answers, said)
        assert one.kept == (said == said[0, 0]).mean()
        assert f"{one.arm} {100 * one.kept:.0f} %" in describe(shown)


@pytest.mark.slow  # trains
def test_networks_are_the_least_and_the_most_stable_and_one_between(tmp_path):
    results = Results.read(explored_runs(tmp_path))
    found = results.select("explorer", "agreement").set_index("arm", drop=False)
    found = found.assign(value=found["arm"].map(
        {"none": 0.0, "decimate": 0.5, "max": 0.9, "aps": 1.0}
    ))  # fmt: skip
    assert choose_arms(found, results.arms, 2) == ["decimate", "aps"]
    assert choose_arms(found, results.arms, 3) == ["decimate", "max", "aps"]
    assert choose_arms(found, results.arms, 9) == ["none", "decimate", "max", "aps"]


def test_the_image_is_one_that_all_get_right():
    answers = np.zeros((2, 3, 2, 2), int)  # networks, images, shifts
    answers[0, 0, 0, 1] = answers[0, 2, 1] = 1  # changes 1 and 2 of 4
    labels = np.zeros(3, int)
    assert choose_image(list(answers), labels) == 2
    answers[1, 2] = 1  # the other network is wrong
    assert choose_image(list(answers), labels) == 0
    answers[0] = 4
    assert choose_image(list(answers), labels + 9) == 0  # nobody is right


def decode(image):
    """Returns the pixels of an image of a page."""
    kind, _, content = image["src"].partition(";base64,")
    assert kind == "data:image/png"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def test_the_page_opens_with_it_before_any_script(tmp_path):
    page = made(explored_runs(tmp_path / "runs"), tmp_path).read_text()
    elements = Elements(page)
    image, moved, *maps = [given for tag, given in elements.found if tag == "img"]
    given = decode(image).reshape(SPLIT.images.shape[1:])
    assert any(np.array_equal(given, one) for one in SPLIT.images)
    assert decode(moved).shape[:2] == (5 * 15 - 1, 5 * 17 - 1)  # a line parts them
    assert len(maps) == 3 and maps[-1]["alt"].endswith(" 100 % of the shifts")
    kept = [(decode(one) == decode(one)[7, 8]).all(-1).mean() for one in maps]
    for one, share in zip(maps, kept, strict=True):  # the middle is not shifted
        assert f"at {100 * share:.0f} % of the shifts" in one["alt"]
    assert 0 < kept[0] < kept[-1] == 1
    assert "all 224 circular shifts" in page
    assert page.index("<img") < page.index('<section id="shifts"')


def test_without_answers_a_page_has_no_picture(tmp_path):
    for lowpass in ("none", "binomial"):
        for reduce in ("identity", "max"):
            plane_run(tmp_path / "runs", reduce, lowpass, "first")
    page = made(tmp_path / "runs", tmp_path).read_text()
    assert "<img" not in page
    assert draw_opening(Results.read(tmp_path / "runs"), "test") is None
