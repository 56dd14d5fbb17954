"""LaTeX files have nothing that pdfLaTeX acts on by mistake or has no letter for."""

import re
import unicodedata

import pandas as pd
import pytest

from research.config import CONF
from research.report.latex import SIGNS, escape
from research.report.tables.forms import to_latex

LAST = "ſ"  # of the letters that the fonts of pdfLaTeX have


def strange(text):
    """Returns the characters for which pdfLaTeX stops, one of each."""
    known = {"\n"} | {one for one in text if one.isascii()}
    letters = {
        one for one in text if one <= LAST and unicodedata.category(one)[0] == "L"
    }
    return sorted({*text} - known - letters)


@pytest.mark.parametrize("sign", SIGNS)
def test_a_sign_becomes_ascii_once(sign):
    found = escape(f"a{sign}b")
    assert found.isascii() and found != f"a{sign}b"
    assert found.startswith("a") and found.endswith("b")


def test_latex_finds_nothing_to_act_on():
    signs = "50 % of a_b & $x$ #1 {y} ~ ^ \\ ≤ 3 px, −0.5 “x” √ ‖ × … R² 15°"
    found = escape(signs)
    assert found.startswith(r"50~\% of a\_b \& \$x\$ \#1 \{y\} ")
    assert found.isascii()
    bare = re.sub(r"\\[%&$#_{}|]", "", found)
    bare = re.sub(r"\$[^$]*\$", "", bare)  # what is in mathematics is ours
    assert not set("%&$#_^") & set(bare)
    assert bare.count("{") == bare.count("}")


def test_letters_stay_and_a_per_cent_sign_keeps_its_number():
    assert escape("Çağlar, Ångström") == "Çağlar, Ångström"
    assert escape("−6.12 [−6.46, −5.78] %") == r"$-$6.12 [$-$6.46, $-$5.78]~\%"


def test_a_table_is_escaped_from_its_head_to_its_caption():
    table = pd.DataFrame({"a − b": ["2×2 & more"], "x": [1.0]})
    table.attrs["caption"] = "≤ 5 % of_all"
    text = to_latex(table)
    assert not strange(text)
    assert r"2$\times$2 \& more" in text and r"$\leq$ 5~\% of\_all" in text


def test_every_file_that_is_kept_is_for_pdflatex():
    files = sorted((CONF.parent / "outputs/reference").rglob("*.tex"))
    assert files
    assert {str(one): strange(one.read_text()) for one in files} == {
        str(one): [] for one in files
    }
