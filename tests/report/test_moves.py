"""The table and the page of moves, from invented rows."""

import base64
import io
import re

import numpy as np
import pytest
from fake_runs import fake_run
from PIL import Image

from research.errors import UserError
from research.evals.measurement import Measurement
from research.files.atomic import read_json, write_json
from research.report.page import flips
from research.report.page.embed import encode_image
from research.report.results import Results
from research.report.tables.moves import tabulate
from research.runs.rows import write_measurements

N = 20
FACTS = {"run": "one", "seed": 0, "commit": "0"}


def kept(count):
    return np.arange(N) < count


def pairs(rng, names=None):
    found = {
        "images": rng.integers(0, 256, (3, 6, 8, 3), np.uint8),
        "moved": rng.integers(0, 256, (3, 6, 8, 3), np.uint8),
        "index": np.array([7, 1, 4]),
        "offsets": np.array([[0, 1], [-1, 1], [1, 0]]),
        "unshifted": np.array([1, 2, 3]),
        "shifted": np.array([4, 5, 6]),
        "p_unshifted": np.array([0.91, 0.52, 0.93]),
        "p_shifted": np.array([0.61, 0.62, 0.63]),
    }
    if names:
        found["unshifted_name"] = np.array(names)[:3]
        found["shifted_name"] = np.array(names)[3:]
    return found


@pytest.fixture
def results(tmp_path):
    folder = fake_run(tmp_path, "one")
    row = Measurement.of_examples
    window = {"border": "window"}
    names = ["<cat>", "dog", "eel", "fox", "gnu", "hen"]
    arrays = pairs(np.random.default_rng(0), names)
    found = {
        "window": [
            row("window", "agreement", kept(18), params={"distance": 1}),
            row("window", "agreement", kept(15), params={"distance": 2}),
        ],
        "shift": [row("zero", "agreement", kept(12), params={"distance": 1})],
        "fragile": [
            row("fragile", "agreement", kept(17), params=window, arrays=arrays),
            row("fragile", "worst_agreement", kept(9), params=window),
        ],
    }
    for name, rows in found.items():
        write_measurements(folder, name, rows, FACTS, "test")
    provenance = read_json(folder / "provenance.json", remedy="")
    provenance["photographs"] = [f"sea/{number}.jpg" for number in range(N)]
    write_json(folder / "provenance.json", provenance)
    return Results.read(tmp_path)


def test_a_line_is_a_move_and_a_column_what_comes_in(results):
    table = tabulate(results)
    assert list(table["move"]) == ["1 px", "1 px, worst of 8", "2 px"]
    np.testing.assert_allclose(table["real content"], [0.9, 0.45, 0.75])
    np.testing.assert_allclose(table["zeros"], [0.6, np.nan, np.nan])
    assert "the other side" not in table and (table["n"] == N).all()
    assert table["real content low"][0] < 0.9 < table["real content high"][0]
    assert "20 examples" in table.attrs["caption"]


def test_without_rows_of_moves_there_is_no_table(tmp_path):
    folder = fake_run(tmp_path, "none")
    for path in (folder / "eval").iterdir():
        path.unlink()
    rows = [Measurement.of_examples("accuracy", "accuracy", kept(3))]
    write_measurements(folder, "accuracy", rows, FACTS, "test")
    with pytest.raises(UserError, match="no rows of moves on split=test"):
        tabulate(Results.read(tmp_path))
    with pytest.raises(UserError, match="no rows of fragile agreement"):
        flips.write(Results.read(tmp_path), out=tmp_path / "flips.html")


def test_the_page_shows_each_pair_under_the_name_of_its_photograph(results, tmp_path):
    page = flips.write(results, out=tmp_path / "flips.html", pairs=2).read_text()
    assert page.count('<figure class="pair"') == 2
    titles = re.findall(r"<figcaption[^>]*>(.*?)</figcaption>", page)
    assert titles == ["sea/7.jpg", "sea/1.jpg"]
    answers = re.findall(r'<p class="answer">(.*?)</p>', page)
    assert answers == ["&lt;cat&gt;", "fox", "dog", "gnu"]
    assert re.findall(r"</span> (\d+ %)", page) == ["91 %", "61 %", "52 %", "62 %"]
    assert re.findall(r'class="arrow"[^>]*>(.)<', page) == ["→", "↗"]
    assert "85.0 %" in page and "90.00 [" in page
    assert len(re.findall(r'src="data:image/png;base64,', page)) == 2 * 3
    assert 'class="figure"' not in page and "http" not in page


def test_a_figure_that_lies_beside_the_page_is_in_it(results, tmp_path):
    (tmp_path / "moves.svg").write_text("<svg/>")
    page = flips.write(results, out=tmp_path / "flips.html").read_text()
    assert 'class="figure" src="data:image/svg+xml;base64,' in page
    again = flips.write(results, out=tmp_path / "flips.html").read_text()
    assert again == page


def test_credits_stand_below_the_photographs_that_have_some(results, tmp_path):
    table = tmp_path / "sources.tsv"
    table.write_text('licence\tfile\tauthor\nCC0\tsea/7.jpg\tAnn "A" <b>\n')
    page = flips.write(results, out=tmp_path / "flips.html", credits=table).read_text()
    titles = re.findall(r"<figcaption[^>]*>(.*?)</figcaption>", page)
    assert titles[:2] == ["sea/7.jpg<br>Ann &#34;A&#34; &lt;b&gt;, CC0", "sea/1.jpg"]


@pytest.mark.parametrize("text", [None, "", "file\tauthor\na\tb\n"])
def test_credits_that_cannot_be_read_are_named_before_anything_is_written(
    results, tmp_path, text
):
    table, out = tmp_path / "mine.tsv", tmp_path / "flips.html"
    if text is not None:
        table.write_text(text)
    with pytest.raises(UserError, match=r"page.flips.credits=.*mine.tsv: takes a tab"):
        flips.write(results, out=out, credits=table)
    assert not out.exists()


def test_photographs_are_compressed_and_small_images_exact():
    small = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    large = np.full((128, 160, 3), (10, 200, 90), np.uint8)
    for image, kind, near in [(small, "png", 0), (large, "webp", 3)]:
        head, _, content = encode_image(image).partition(",")
        assert head == f"data:image/{kind};base64"
        with Image.open(io.BytesIO(base64.b64decode(content))) as shown:
            gap = np.abs(np.asarray(shown.convert("RGB")).astype(int) - image)
        assert gap.max() <= near


def test_arrays_that_were_not_kept_are_named(results):
    path = results.runs["path"][0]
    arrays = results.arrays(path, "fragile")
    with pytest.raises(UserError, match="arrays gone of eval=fragile were not kept"):
        arrays["gone"]
    with pytest.raises(UserError, match="arrays masks of eval=fragile were not kept"):
        arrays.below("fragile,border=window/agreement/")["masks"]
    with pytest.raises(UserError, match=r"arrays \* of eval=receptive were not kept"):
        results.arrays(path, "receptive")
