"""What installs this project: extras, constraints, and wheels for another machine."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import install  # noqa: E402
from missing import list_missing  # noqa: E402


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What pip is asked for, in an environment of its own."""
    asked = []
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.delenv("CONSTRAINTS", raising=False)
    monkeypatch.setattr(
        subprocess, "run", lambda words, **_: asked.append((words[-1], words[-3]))
    )
    return asked


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["install.py", *words])
    install.main()


def test_an_environment_keeps_its_extras(asked, monkeypatch):
    for words in (["test"], ["cuda,slurm"], ["peers", "test"]):
        run(monkeypatch, *words)
    extras = [package for package, _ in asked]
    assert extras == [".[test]", ".[cuda,slurm,test]", ".[cuda,peers,slurm,test]"]


def test_one_accelerator_takes_the_place_of_another(asked, monkeypatch):
    for words in (["cuda,slurm"], ["cuda12"], ["test"]):
        run(monkeypatch, *words)
    assert [package for package, _ in asked][1:] == [
        ".[cuda12,slurm]",
        ".[cuda12,slurm,test]",
    ]


def test_what_failed_is_not_kept(asked, monkeypatch):
    run(monkeypatch, "test")

    def fail(words, **_):
        raise subprocess.CalledProcessError(1, words)

    with monkeypatch.context() as failing:
        failing.setattr(subprocess, "run", fail)
        with pytest.raises(SystemExit, match="1"):
            run(failing, "tpu")
    run(monkeypatch, "slurm")
    assert asked[-1][0] == ".[slurm,test]"


def test_an_extra_that_there_is_not_is_one_line(asked, monkeypatch, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, "cuda,gpu")
    error = capsys.readouterr().err
    assert error.startswith("error: EXTRAS=gpu: takes test, ") and "cuda12" in error
    assert error.count("\n") == 1 and not asked


@pytest.mark.parametrize(
    "version, name",
    [((3, 11), "constraints.txt"), ((3, 12), "constraints-latest.txt")],
)
def test_each_python_has_its_constraints(asked, monkeypatch, version, name):
    monkeypatch.setattr(sys, "version_info", version)
    run(monkeypatch, "test")
    monkeypatch.setenv("CONSTRAINTS", "mine.txt")
    run(monkeypatch, "test")
    assert [file for _, file in asked] == [name, "mine.txt"]


def test_both_constraints_pin_the_same_packages():
    new, old = (
        {
            line.split("==")[0].lower()
            for line in (ROOT / name).read_text().splitlines()
            if "==" in line
        }
        for name in ("constraints-latest.txt", "constraints.txt")
    )
    assert new - old == set()
    assert old - new == {"pytz"}  # pandas needs it no more


def package(name, *needs, **more):
    metadata = {"name": name, "version": "1.0", "requires_dist": list(needs)}
    return {"metadata": metadata, "download_info": {}, **more}


REPORT = {
    "install": [
        package(
            "project",
            *("jax", "Hydra_Core>=1", "packer", 'tester; extra == "test"'),
            'clouds; extra == "ray"',
            'relic; python_version < "3"',
            download_info={"dir_info": {}},
            requested_extras=["test"],
        ),
        package("jax", "numpy", 'plugin; extra == "cuda"'),
        package("numpy", 'typing; extra == "typing"'),
        package("typing"),
        package("plugin"),
        package("hydra-core", "omegaconf", "numpy[typing]"),
        package("omegaconf", 'paths; extra == "paths"'),
        package("paths"),
        package("packer", "columns"),
        package("columns"),
        package("tester", "omegaconf[paths]"),
        package("clouds"),
        package("relic"),
    ]
}


def test_what_an_image_has_brings_what_it_needs():
    missing = list_missing(REPORT, has=["jax"], also=[], without=[])
    names = [
        "columns",
        "hydra-core",
        "omegaconf",
        "packer",
        "paths",
        "tester",
        "typing",
    ]
    assert missing == [f"{name}==1.0" for name in names]
    also = list_missing(REPORT, has=["jax"], also=["numpy"], without=[])
    assert set(also) - set(missing) == {"numpy==1.0"}


def test_what_is_left_out_leaves_out_what_it_alone_needs():
    without = ["packer", "hydra_core"]
    missing = list_missing(REPORT, has=["jax"], also=[], without=without)
    assert missing == ["omegaconf==1.0", "paths==1.0", "tester==1.0"]


@pytest.mark.parametrize(
    "words, limit, error",
    [
        (["new", "3.12", "x86_64", "more"], "25", "not 4 arguments"),
        (["new", "python3.12"], "25", "PYTHON=python3.12: takes a version"),
        (["new", "3.12", "arm"], "25", "MACHINE=arm: takes x86_64 or aarch64"),
        (["new"], "25MB", "LIMIT=25MB: takes a number of MiB"),
        (["full"], "25", "FOLDER=full is not empty; takes a new one"),
    ],
)
def test_mistakes_of_a_call_for_wheels_are_one_line(tmp_path, words, limit, error):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a.whl").write_text("")
    done = subprocess.run(
        [ROOT / "scripts/wheels.sh", *words],
        cwd=tmp_path,
        env={"LIMIT": limit, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and error in done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()
