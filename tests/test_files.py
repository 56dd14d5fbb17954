import errno
import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from research.errors import UserError
from research.files import atomic
from research.files.atomic import read_json, unwritable, write_json
from research.files.lines import MetricsFile, read_lines


def rows(steps):
    return [{"step": step, "loss": 1 / step} for step in steps]


def test_metrics_survive_a_kill_and_go_on(tmp_path):
    with MetricsFile(tmp_path) as metrics:
        for row in rows([1, 2, 3]):
            metrics.append(row)
        assert read_lines(metrics.path) == rows([1, 2, 3])  # before any close
    with metrics.path.open("ab") as file:
        file.write(b'{"step": 4, "lo')
    assert read_lines(metrics.path) == rows([1, 2, 3])
    with MetricsFile(tmp_path) as metrics:
        metrics.append(rows([4])[0])
    assert read_lines(metrics.path) == rows([1, 2, 3, 4])


def test_metrics_truncate_then_append(tmp_path):
    with MetricsFile(tmp_path) as metrics:
        for row in rows([1, 2, 3]):
            metrics.append(row)
        metrics.truncate(1)
        metrics.append(rows([2])[0])
    assert read_lines(metrics.path) == rows([1, 2])


def test_metrics_in_a_place_that_is_no_folder(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*run/metrics\.jsonl"):
        MetricsFile(tmp_path / "run")


def test_append_to_a_full_disk_is_one_line(tmp_path):
    metrics = MetricsFile(tmp_path)
    metrics._file.close()
    metrics._file = open("/dev/full", "ab", buffering=0)
    with pytest.raises(UserError, match="No space left on device; make room"):
        metrics.append({"step": 1})
    metrics.close()


def test_a_row_cut_short_is_no_success(tmp_path):
    metrics = MetricsFile(tmp_path)
    metrics.close()
    metrics._file = SimpleNamespace(write=lambda data: len(data) - 1)
    with pytest.raises(UserError, match="No space left on device"):
        metrics.append({"step": 1})


def test_strict_json_of_any_number(tmp_path):
    write_json(
        tmp_path / "a.json",
        {"nan": float("nan"), "f": np.float32(0.5), "i": np.int64(3), "b": np.bool_(1)}
        | {"list": (np.inf, [np.arange(2)]), "path": tmp_path, 5: None},
    )
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == {
        **{"nan": None, "f": 0.5, "i": 3, "b": True},
        **{"list": [None, [[0, 1]]], "path": str(tmp_path), "5": None},
    }


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch, broken):
    def full(*_):
        raise OSError(28, "No space left on device")

    write_json(tmp_path / "a.json", 1)
    monkeypatch.setattr(atomic.os, broken, full)
    with pytest.raises(UserError, match=r"a\.json: No space left on device; make room"):
        write_json(tmp_path / "a.json", 2)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["a.json"]
    assert json.loads((tmp_path / "a.json").read_text()) == 1


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "eval").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*eval/a\.json"):
        write_json(tmp_path / "eval/a.json", 1)


def test_a_bad_line_is_named(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"a": 1}\noops\n{"a": 2}\n')
    with pytest.raises(UserError, match=r"a\.jsonl, line 2: .*oops"):
        read_lines(tmp_path / "a.jsonl")


def test_json_comes_back(tmp_path):
    write_json(tmp_path / "a.json", {"values": np.arange(3), "none": float("nan")})
    assert read_json(tmp_path / "a.json") == {"values": [0, 1, 2], "none": None}
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "b.json")


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"null", b"\xff\x00"])
def test_damaged_json_is_one_line_with_the_file_and_a_remedy(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_json(path)
    line = str(error.value)
    assert line.startswith(f"{path} is damaged: ") and "\n" not in line
    assert f"remove {tmp_path} and run its command again" in line
    with pytest.raises(UserError, match="; do this$"):
        read_json(path, remedy="do this")


@pytest.mark.parametrize("times", [1, atomic.TRIES])
def test_a_file_that_another_machine_replaces_is_read_again(
    tmp_path, monkeypatch, times
):
    write_json(tmp_path / "file.json", {"a": 1})
    stale, read = iter(range(times)), Path.read_bytes

    def read_or_fail(path):
        if next(stale, None) is not None:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", read_or_fail)
    if times < atomic.TRIES:
        assert read_json(tmp_path / "file.json") == {"a": 1}
    else:
        with pytest.raises(UserError, match="cannot be read .Stale file handle"):
            read_json(tmp_path / "file.json")


def test_a_file_system_without_hard_links_is_not_called_full(tmp_path):
    refused = OSError(errno.EPERM, "Operation not permitted", "a", None, "b")
    said = str(unwritable(tmp_path / "lock", refused))
    assert "its file system has no hard links" in said and "make room" not in said
    denied = str(unwritable(tmp_path / "lock", OSError(errno.EACCES, "Denied", "a")))
    assert "Denied; choose another folder" in denied


def test_json_that_is_a_folder_says_so(tmp_path):
    with pytest.raises(UserError, match="cannot be read .Is a directory"):
        read_json(tmp_path)
