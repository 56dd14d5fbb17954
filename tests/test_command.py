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


@pytest.mark.parametrize(
    "words, named",
    [
        (["--cfg"], "--cfg"),
        (["seed=1", "--info", "everything"], "everything"),
        (["--no-such"], "--no-such"),
        (["-x", "seed=1"], "-x"),
        (["seed=${seed}"], "seed"),
        (["seed=${oc.env:NO_SUCH}"], "seed: "),
        (["hydra.run.dir="], "hydra.run.dir="),
        (["hydra.run.dir=null"], "hydra.run.dir=null"),
        (["-m", "hydra.sweep.dir="], "hydra.sweep.dir="),
        (["root="], "root=: takes text"),
        (["name=../x"], "name=../x: takes a folder below root"),
        (["-m", "name=../x"], "name=../x: takes a folder below root"),
        (["seed='0'"], "seed='0': takes an integer"),
    ],
)
def test_a_wrong_word_is_one_line(own_process_state, capsys, tmp_path, words, named):
    """Where the usage of argparse would be a screen full."""
    sys.argv[1:] = [*words, f"root={tmp_path}"] if "root=" not in words else words
    with pytest.raises(SystemExit) as stop:
        command("train")(pytest.fail)()
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.count("\n") == 1, error
    assert error.startswith("error: ") and named in error
    assert not list(tmp_path.iterdir())
