"""What an evaluation prints of its rows."""

from dataclasses import replace

from research.runs.rows import Row
from research.runs.showing import MOST, show_rows

ROW = Row(
    *("run", 0, "commit", "test", "circular", {"max_shift": 3}, "agreement"),
    *(0.98765, 0.97, 1.0, "bootstrap", 1360, "closed form"),
)


def test_a_line_has_name_value_interval_and_count():
    rows = [ROW, replace(ROW, protocol="mine", params={}, value=12345, low=None)]
    rows.append(replace(rows[1], measure="x", value=None, method=""))
    assert list(show_rows(rows)) == [
        "  circular,max_shift=3/agreement  0.9877 [0.97, 1]  n=1,360  closed form",
        "  mine/agreement  12,345  n=1,360  closed form",
        "  mine/x          none  n=1,360",
    ]


def test_many_rows_of_one_protocol_are_cut():
    rows = [replace(ROW, params={"distance": i}) for i in range(MOST + 3)]
    rows.append(replace(ROW, protocol="accuracy", params={}))
    lines = list(show_rows(rows))
    assert len(lines) == MOST + 2
    assert lines[-2] == "  … and 3 more of circular"
    assert lines[-1].startswith("  accuracy/agreement")
