"""Several jobs share one card, and each computes what it would alone."""

from pathlib import Path

import pytest
from commands import REHEARSAL, TRAINING, assert_equal, run, train

from research.jobs.status import read

pytestmark = pytest.mark.accelerator

SHARE = "hydra.launcher.jobs=2" if REHEARSAL else "hydra.launcher.per_gpu=2"


def test_jobs_share_a_card_and_are_what_they_are_alone(digits, tmp_path):
    words = ["model=tiny", "deterministic=true"]
    # In rehearsal: the launcher gives each job one virtual device.
    one_device = {"XLA_FLAGS": "--xla_force_host_platform_device_count=1"}
    alone = train(tmp_path / "alone", digits, *words, "seed=1", **one_device)
    shared = tmp_path / "shared"
    launcher = ["-m", "hydra/launcher=local", SHARE, "seed=0,1,2,3"]
    places = [f"root={shared}", f"data.dir={digits}"]
    run("train", *launcher, *places, *TRAINING, *words, **one_device)
    folders = [path.parent for path in Path(shared).rglob("done.json")]
    assert len(folders) == 4
    assert all(read(folder).state == "done" for folder in folders)
    (same,) = (folder for folder in folders if "seed=1" in folder.name)
    assert_equal(alone, same)
