"""What pip installs: extras, and the files of versions that were tested."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from research.adapters.engine.extras import require
from research.errors import UserError

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
FILES = ["constraints.txt", "constraints-latest.txt"]


def normalized(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def read_pins(file):
    """Versions by name; the file holds `name==version` and comments alone."""
    lines = (ROOT / file).read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert pins == sorted(pins, key=lambda pin: pin.split("==")[0].lower())
    matches = [re.fullmatch(r"([\w.-]+)==([\w.+!]+)", pin) for pin in pins]
    assert None not in matches, pins[matches.index(None)]
    versions = {normalized(match[1]): match[2] for match in matches}
    assert len(versions) == len(pins)
    return versions


@pytest.mark.parametrize("file", FILES)
def test_each_requirement_has_one_tested_version(file):
    asked = [
        *PROJECT["dependencies"],
        *(name for names in EXTRAS.values() for name in names),
    ]
    names = {normalized(re.match(r"[\w.-]+", requirement)[0]) for requirement in asked}
    assert names <= read_pins(file).keys()


def test_extras_are_spelt_as_pip_knows_them():
    """One with an underscore is installed by no name at all."""
    assert [extra for extra in EXTRAS if extra != normalized(extra)] == []


@pytest.mark.parametrize("kind", ["torch", "timm", "hf", "onnx", "efficientnet_lite"])
def test_a_kind_of_model_names_an_extra_that_exists(kind):
    with pytest.raises(UserError) as error:
        require("no_package_of_this_name", kind)
    (extra,) = re.findall(r"'\.\[(.+)\]'", str(error.value))
    assert extra in EXTRAS


@pytest.mark.parametrize("file", FILES)
def test_a_version_that_the_project_fixes_is_the_tested_one(file):
    pins = read_pins(file)
    for requirement in (name for names in EXTRAS.values() for name in names):
        name, fixed, version = requirement.partition("==")
        assert not fixed or pins[normalized(name)] == version


@pytest.mark.parametrize("file", FILES)
def test_plugins_are_of_the_release_of_jax(file):
    pins = read_pins(file)
    plugins = {name for name in pins if re.match(r"jax-(cuda|rocm)\d+-", name)}
    assert {"jax-cuda12-plugin", "jax-cuda13-plugin"} <= plugins
    assert {pins[name] for name in {"jaxlib", *plugins}} == {pins["jax"]}


def test_extras_of_jax_are_known_to_it():
    """JAX would only warn, and install what a CPU needs."""
    known = {
        normalized(name) for name in metadata.metadata("jax").get_all("Provides-Extra")
    }
    accelerators = {extra: EXTRAS[extra] for extra in ("cuda", "cuda12", "tpu", "rocm")}
    for (requirement,) in accelerators.values():
        assert normalized(re.fullmatch(r"jax\[(.+)\]", requirement)[1]) in known


@pytest.mark.parametrize(
    "document",
    ["README.md", "CONTRIBUTING.md", "Makefile", *(map(str, ROOT.glob("docs/*.md")))],
)
def test_extras_that_documents_name_exist(document):
    text = (ROOT / document).read_text()
    named = [
        *re.findall(r"EXTRAS=([\w,-]+)", text),
        *re.findall(r"\.\[([\w,-]+)\]", text),
    ]
    assert {
        extra for names in named for extra in names.split(",") if extra
    } <= EXTRAS.keys()
