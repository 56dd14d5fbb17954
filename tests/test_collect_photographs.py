"""Photographs are collected with their licences, or what is missing is named."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    return import_module("collect_photographs")


def test_every_photograph_has_a_licence_and_an_author(script):
    listed = script.read_list()
    assert len(listed) > 40 and len({(one.package, one.path) for one in listed}) > 40
    assert {one.kind for one in listed} == {"deb", "pip"}
    assert all(all(one) for one in listed)
    assert not [one for one in listed if one.path.startswith("/")]


def picture(path, width, height):
    """A picture whose left half is dark and whose right half is light."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.zeros((height, width, 3), np.uint8)
    array[:, width // 2 :] = 200
    Image.fromarray(array).save(path)


def open_whole(path):
    with Image.open(path) as image:
        return image.copy()


@pytest.fixture
def packages(script, tmp_path, monkeypatch):
    """One package with a wallpaper, one with a sample; a third is nowhere."""
    picture(tmp_path / "debian/usr/Large/contents/images/2560x1600.png", 1600, 1000)
    picture(tmp_path / "python/small/data/cat.png", 300, 200)
    roots = {"debian": tmp_path / "debian", "small": tmp_path / "python"}

    def find(package):
        if package not in roots:
            raise script.Missing(f"{package} (nowhere)")
        return roots[package]

    monkeypatch.setattr(script, "unpack", lambda package, folder: find(package))
    monkeypatch.setattr(script, "find_installed", lambda one: find(one.package))
    wallpaper = "usr/Large/contents/images/2560x1600.png"
    return [
        script.Photograph("deb", "debian", wallpaper, "CC0", "A"),
        script.Photograph("pip", "small", "small/data/cat.png", "CC0", "B"),
    ]


def test_large_ones_are_halved_and_reduced(script, packages, tmp_path):
    folder = tmp_path / "out"
    assert script.collect(packages, folder) == 3
    found = {path.name: open_whole(path) for path in folder.glob("*.jpg")}
    sizes = {name: image.size for name, image in found.items()}
    assert sizes == {
        "debian_Large_2560x1600_0.jpg": (640, 800),
        "debian_Large_2560x1600_1.jpg": (640, 800),
        "small_cat.jpg": (300, 200),
    }
    halves = (found[f"debian_Large_2560x1600_{i}.jpg"] for i in (0, 1))
    dark, light = (np.asarray(half).mean() for half in halves)
    assert dark < 5 and light > 195, "the halves share nothing"
    sources = (folder / "sources.tsv").read_text().splitlines()
    assert len(sources) == 4 and sources[1].endswith("CC0\tA")


def test_a_folder_that_cannot_be_written_is_one_line(
    script, packages, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(script, "read_list", lambda: packages)
    place = tmp_path / "file"
    place.touch()
    monkeypatch.setattr(sys, "argv", ["script", str(place)])
    with pytest.raises(SystemExit) as stop:
        script.main()
    said = capsys.readouterr().err
    assert stop.value.code == 2 and said.count("\n") == 1
    assert said.startswith(f"error: {place}: File exists; choose another folder")


def test_what_is_missing_is_named_and_nothing_is_written(script, packages, tmp_path):
    absent = packages[0]._replace(path="usr/other.png")
    lost = script.Photograph("deb", "lost", "a.png", "CC0", "C")
    gone = script.Photograph("pip", "gone", "b.png", "CC0", "D")
    with pytest.raises(script.Missing) as error:
        script.collect([*packages, absent, lost, gone], tmp_path / "out")
    assert str(error.value) == "lost (nowhere); gone (nowhere); usr/other.png"
    assert not (tmp_path / "out").exists()


def test_a_package_that_is_not_installed_is_named(script):
    lost = script.Photograph("pip", "scikit-lost", "no_such_package/a.png", "", "")
    with pytest.raises(script.Missing, match="pip install scikit-lost"):
        script.find_installed(lost)
    known = script.Photograph("pip", "numpy", "numpy/__init__.py", "", "")
    assert (script.find_installed(known) / known.path).is_file()


def test_it_takes_one_folder():
    command = [sys.executable, str(SCRIPTS / "collect_photographs.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("error: takes one folder")
