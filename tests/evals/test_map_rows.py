"""The loop over batches: no row is lost, none counts twice, one shape compiles."""

import numpy as np
import pytest

from research.distributed import devices
from research.evals.engine.batches import batches, map_rows


@pytest.mark.parametrize("count", [1, 4, 7, 9])
def test_every_row_comes_back_once_and_in_order(count):
    sizes = []

    def both(x, y):
        sizes.append(len(x))
        return {"sum": x + y, "pair": (x, y)}

    x, y = np.arange(count, dtype=np.float32), np.arange(count, dtype=np.float32) ** 2
    found = map_rows(both, x, y, batch=4, mesh=devices.mesh(4))
    np.testing.assert_array_equal(found["sum"], x + y)
    np.testing.assert_array_equal(found["pair"][1], y)
    assert len(set(sizes)) == 1 and sizes[0] <= 4


@pytest.mark.parametrize(
    ("under_way", "order"), [(1, [0, 0, 2, 2, 4, 4]), (2, [0, 2, 0, 4, 2, 4])]
)
def test_results_are_fetched_in_turn_with_so_many_under_way(under_way, order):
    events = []

    def run(x):
        events.append(int(x[0]))
        return x

    def fetch(result, rows):
        events.append(int(result[0]))
        assert rows == 2
        return np.asarray(result)

    x = np.arange(6, dtype=np.float32)
    settings = {"batch": 2, "mesh": devices.mesh(2), "fetch": fetch}
    found = map_rows(run, x, under_way=under_way, **settings)
    np.testing.assert_array_equal(found, x)
    assert events == order


def test_the_last_rows_repeat_to_fill_a_batch():
    (first, second), (third, last) = batches([np.arange(5), 10 * np.arange(5)], 3)
    assert first.tolist() == [0, 1, 2] and second.tolist() == [0, 10, 20]
    assert third.tolist() == [3, 4, 4] and last.tolist() == [30, 40, 40]
