"""A script in this process, as its command line would be run in its own."""

import contextlib
import importlib
import io
import os
import signal
import sys
from unittest.mock import patch

from hydra.core.global_hydra import GlobalHydra

from research.config import CONF

sys.path.insert(0, str(CONF.parent / "scripts"))


def call(script, *words):
    """Runs `scripts/SCRIPT.py`; returns its status and what it wrote to stderr."""
    module = importlib.import_module(script)
    as_main = getattr(module, "with_sweeper", list)  # train.py's, of its experiments
    errors = io.StringIO()
    before = dict(os.environ), {n: signal.getsignal(n) for n in signal.valid_signals()}
    try:
        with (
            patch.object(sys, "argv", [f"{script}.py", *as_main(words)]),
            contextlib.redirect_stderr(errors),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            module.main()
        status = 0
    except SystemExit as stop:
        status = stop.code
    finally:
        GlobalHydra.instance().clear()
        os.environ.clear()
        os.environ.update(before[0])
        for number, handler in before[1].items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
    return status, errors.getvalue()
