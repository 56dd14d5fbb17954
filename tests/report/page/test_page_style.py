"""The page's colours can be told apart by everybody."""

import re

import numpy as np
import pytest

from research.report.page.render import read_asset


def colours(theme):
    css = read_asset("base.css")
    light = dict(re.findall(r"--(\w+): (#\w{6})", css[: css.index("@media")]))
    dark = css[css.index("prefers-color-scheme: dark") :]
    dark = dict(re.findall(r"--(\w+): (#\w{6})", dark[: dark.index("}\n}")]))
    assert set(dark) == set(light)
    return light if theme == "light" else dark


def luminance(colour):
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ (0.2126, 0.7152, 0.0722)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_its_ground(theme):
    """WCAG 2.2, criteria 1.4.3 and 1.4.11: 4.5 for text, 3 for what is drawn."""
    of = colours(theme)
    text = ("ink", "soft", "accent", "supported", "refuted", "depends")
    text += ("undetermined", "same")
    assert 1.05 / (luminance(of["alarm"]) + 0.05) >= 4.5  # of a banner, below white
    drawn = ("keep", "flip")
    for names, least in ((text, 4.5), (drawn, 3)):
        for name in names:
            for ground in ("paper", "card"):
                pair = sorted(luminance(of[one]) for one in (name, ground))
                assert (pair[1] + 0.05) / (pair[0] + 0.05) >= least, (name, ground)
