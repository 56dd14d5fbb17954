"""Arrays come out of the page as they went in."""

import numpy as np
import pytest
from pages import unpacked

from research.report.page.pack import crop_fields, pack_array


@pytest.mark.parametrize(
    "array",
    [
        np.array([[True, False, True]] * 5),
        np.arange(256).reshape(4, 64),
        np.array([[0, 300, 65535]]),
        np.zeros((0, 4), int),
    ],
)
def test_packing_keeps_an_array(array):
    assert np.array_equal(unpacked(pack_array(array)), array)


@pytest.mark.parametrize("array", [np.array([-1]), np.array([65536]), np.array([0.5])])
def test_what_does_not_fit_is_refused(array):
    with pytest.raises(ValueError, match="small whole numbers"):
        pack_array(array)


def test_a_field_of_nothing_has_no_box():
    none = crop_fields(np.zeros((2, 3, 3), np.uint8))
    assert unpacked(none["boxes"]).tolist() == [[0] * 4] * 2
    assert unpacked(none["values"]).size == 0
