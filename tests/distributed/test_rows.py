"""Rows filled up to the size that every process or batch has."""

import numpy as np
import pytest

from research.distributed.hosts import pad_rows


@pytest.mark.parametrize("shape", [(5,), (5, 2), (5, 2, 3)])
@pytest.mark.parametrize("size", [1, 4, 5, 6, 12])
def test_there_are_as_many_rows_as_asked_for_and_the_last_is_repeated(shape, size):
    rows = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    padded = pad_rows(rows, size)
    np.testing.assert_array_equal(padded, [rows[min(i, 4)] for i in range(size)])
    assert padded.dtype == rows.dtype
