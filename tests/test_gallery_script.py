"""The gallery's script: one image, every preset, one figure; mistakes in one line."""

import subprocess
import sys
from pathlib import Path

import pytest
from in_process import call

from research import config

ROOT = Path(__file__).parent.parent


def gallery(*overrides):
    script = str(ROOT / "scripts/gallery.py")
    command = [sys.executable, script, *overrides]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.slow  # compiles every preset
def test_every_preset_is_drawn(tmp_path):
    done = gallery(f"out={tmp_path}/maps", "~presets.lps", "~presets.blur_lps")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "maps.svg" in done.stdout + done.stderr
    presets = [*config.compose(config="gallery").presets]
    maps = (tmp_path / "maps.svg").read_text().count("<image")
    assert len(presets) > 20 and maps == 3 * (len(presets) - 2)
    assert len(list(tmp_path.iterdir())) == 3


def test_an_example_that_there_is_not_is_refused(tmp_path):
    status, error = call("gallery", f"out={tmp_path}/maps", "example=100000")
    assert status == 2
    assert error.startswith("error: example=100000: split=test has examples 0 to")
    assert not list(tmp_path.iterdir())
