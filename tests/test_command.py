"""Scripts start: what Hydra gives to argparse is what each Python takes."""

import argparse
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))
from command import command  # noqa: E402


@pytest.fixture
def own_process_state(monkeypatch):
    """What a script sets in its process is as before when the test is over."""
    monkeypatch.setattr(sys, "argv", ["script"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


def test_each_help_of_an_option_is_text(own_process_state, monkeypatch):
    """Python 3.14 refuses all else."""
    seen = []

    def parse(parser):
        seen.extend(action.help for action in parser._actions)
        sys.exit(0)

    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    with pytest.raises(SystemExit):
        command("train")(pytest.fail)()
    assert any("shell completion" in text for text in seen)
    assert all(isinstance(text, str) for text in seen)
