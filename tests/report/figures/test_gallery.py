"""The gallery shows the maps that it is given, and how large the difference is."""

import numpy as np
from matplotlib.image import AxesImage
from matplotlib.text import Text

from research.report.figures import gallery, style

rng = np.random.default_rng(0)
OUTPUT, SHIFTED = rng.normal(size=(2, 4, 4, 3)).astype(np.float32)
MAPS = {
    "decimate": {"output": OUTPUT, "shifted": SHIFTED, "difference": OUTPUT / 4},
    "none": {"output": OUTPUT, "shifted": OUTPUT, "difference": 0 * OUTPUT},
    "aps": {"output": SHIFTED, "shifted": SHIFTED, "difference": 0 * OUTPUT},
}


def test_each_preset_has_its_maps_and_its_number(tmp_path):
    figure = gallery.draw(MAPS, columns=2)
    shown = {text.get_text() for text in figure.findobj(Text)}
    assert {"decimate   0.25", "none   0.00", "aps   0.00"} <= shown
    images = [np.asarray(i.get_array()) for i in figure.findobj(AxesImage)]
    assert len(images) == 9
    for panel in MAPS["decimate"].values():
        assert any(np.allclose(panel.mean(-1), image) for image in images)
    written = style.save(figure, tmp_path / "gallery")
    assert all(path.stat().st_size > 1000 for path in written)
