"""The script that runs every experiment leaves no process behind."""

import os
import subprocess
import time
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "scripts" / "reproduce.sh"
# A Python whose experiments at the side last, and whose others fail.
PYTHON = """#!/bin/sh
case "$*" in
  *experiment=c6*) echo $$ > {place}/aside; exec sleep 60 ;;
  *experiment=c2*) while [ ! -s {place}/aside ]; do sleep .05; done; exit 3 ;;
esac
"""


def test_what_runs_at_the_side_ends_with_it(tmp_path):
    python = tmp_path / "python"
    python.write_text(PYTHON.format(place=tmp_path))
    python.chmod(0o755)
    line = [str(SCRIPT), "smoke"]
    done = subprocess.run(line, env=os.environ | {"PYTHON": str(python)}, timeout=30)
    assert done.returncode == 3
    aside = Path("/proc") / (tmp_path / "aside").read_text().strip()
    end = time.monotonic() + 5
    while aside.exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not aside.exists()
