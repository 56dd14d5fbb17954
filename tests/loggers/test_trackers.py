"""Each logger with its own package: values, pictures, a kill −9, the same run again.

`make test-loggers` installs the packages.
"""

import json
import os
import sqlite3

import numpy as np
import pytest
from logged import check_curves, read_metrics, run_script

pytestmark = pytest.mark.loggers
WORDS = ["eval=[accuracy,shift]", "train.steps_per_dispatch=1"]


def read_tensorboard(folder):
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

    found = EventMultiplexer().AddRunsFromDirectory(str(folder.parents[1]))
    found.Reload()
    (run,) = found.Runs()
    tags = found.Runs()[run]
    scalars = {
        name: [(one.step, one.value) for one in found.Scalars(run, name)]
        for name in tags["scalars"]
    }
    return scalars, {*tags["images"]}


def read_log(content, block=2**15):
    """Yields the records of a LevelDB log, whose first seven bytes are W&B's own."""
    place, parts = 7, []
    while place + 7 <= len(content):
        left = block - place % block
        size = int.from_bytes(content[place + 4 : place + 6], "little")
        kind = content[place + 6]  # 1: whole; 2, 3, 4: first, middle, last
        if left < 7 or kind == 0:
            place += left
            continue
        parts.append(content[place + 7 : place + 7 + size])
        place += 7 + size
        if kind in (1, 4):
            yield b"".join(parts)
            parts = []


def read_wandb(folder):
    """All parts of an offline run, as `wandb sync` would send them to one run."""
    from wandb.proto import wandb_internal_pb2

    curves, pictures, ids = {}, set(), set()
    for part in sorted(folder.glob("wandb/offline-run-*")):
        (file,) = part.glob("*.wandb")
        ids.add(file.stem)
        for data in read_log(file.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            row = {}
            for item in record.history.item:
                name = item.key or "/".join(item.nested_key)
                row[name] = json.loads(item.value_json)
            step = row.pop("_step", record.history.step.num)
            for name, value in row.items():
                curves.setdefault(name, []).append((step, value))
        images = part / "files/media/images"
        found = images.glob("test/shift/*/flips*.png")
        pictures |= {f"{one.parent.relative_to(images)}/flips" for one in found}
    assert len(ids) == 1
    return curves, pictures


def read_mlflow(folder):
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=(folder.parent / "mlruns").as_uri())
    known = client.get_experiment_by_name(folder.parent.name)
    (run,) = client.search_runs([known.experiment_id])
    assert run.info.status == "FINISHED" and run.data.params["train.batch_size"] == "32"
    curves = {
        name: [
            (one.step, one.value)
            for one in client.get_metric_history(run.info.run_id, name)
        ]
        for name in run.data.metrics
    }
    shift = "test/shift"
    pictures = {
        file.path.removesuffix("_8.png")
        for below in client.list_artifacts(run.info.run_id, shift)
        for file in client.list_artifacts(run.info.run_id, below.path)
    }
    return curves, pictures


def read_trackio(folder):
    (file,) = (folder.parents[1] / "trackio").glob("*.db")
    with sqlite3.connect(file) as base:
        rows = base.execute("SELECT run_name, step, metrics FROM metrics ORDER BY id")
        rows = rows.fetchall()
    assert len({name for name, _, _ in rows}) == 1
    curves, pictures = {}, set()
    for _, step, text in rows:
        for name, value in json.loads(text).items():
            if isinstance(value, dict):
                pictures.add(name)
            else:
                curves.setdefault(name, []).append((step, value))
    return curves, pictures


READERS = {
    "tensorboard": read_tensorboard,
    "wandb": read_wandb,
    "mlflow": read_mlflow,
    "trackio": read_trackio,
}


@pytest.mark.parametrize("name", READERS)
def test_a_run_that_is_killed_goes_on_as_one_run(tmp_path, name):
    folder = tmp_path / "runs/run"
    words = [f"logger={name}", *WORDS]
    place = {"TRACKIO_DIR": str(tmp_path / "trackio")}
    run_script(folder, *words, stop=6, **place)
    rows = read_metrics(folder)
    assert [row["step"] for row in rows] == [4, 4], "the first epoch is on disk"
    run_script(folder, *words, **place)
    assert read_metrics(folder)[:2] == rows
    curves, pictures = READERS[name](folder)
    check_curves(curves, lost=name in ("wandb", "trackio"))  # they write later
    assert pictures and pictures <= {f"test/shift/{p}/flips" for p in PROTOCOLS}
    written = {
        row["step"]: row["loss"]
        for row in read_metrics(folder)
        if row["split"] == "validation"
    }
    for step, loss in curves["validation/loss"]:
        assert np.isclose(loss, written[step], rtol=1e-6)


PROTOCOLS = ("circular", "zero")
