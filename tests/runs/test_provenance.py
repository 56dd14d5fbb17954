"""What a run folder says of the machine and the arithmetic that made it."""

import json
import os
from importlib.metadata import Distribution

import jax
import pytest
from omegaconf import OmegaConf

from research import config
from research.runs import provenance


def describe(tmp_path, *overrides):
    cfg = config.compose(*overrides)
    return provenance.describe(cfg, tmp_path, choices={}, command="train")


def test_devices_and_arithmetic_are_there(tmp_path, monkeypatch):
    flags = f"{os.environ['XLA_FLAGS']} --xla_cpu_enable_fast_min_max=true"
    monkeypatch.setenv("XLA_FLAGS", flags)
    found = describe(tmp_path, "precision.train=high", "deterministic=true")
    assert found["backend"] == jax.default_backend()
    assert found["device"] == jax.devices()[0].device_kind
    assert found["devices"] == len(jax.devices())
    assert found["platform_version"]
    assert found["xla_flags"] == flags
    assert found["precision"] == {"train": "high", "eval": "highest"}
    assert found["deterministic"] is True
    assert json.loads(json.dumps(found)) == found


def test_the_driver_and_the_packages_of_an_accelerator(tmp_path, monkeypatch):
    class Installed(Distribution):
        def __init__(self, name):
            self.name_ = name

        @property
        def metadata(self):
            return {"Name": self.name_}

        version = "9.1"

        def read_text(self, filename):
            return None

        def locate_file(self, path):
            return path

    driver = tmp_path / "version"
    driver.write_text("NVRM version: NVIDIA UNIX x86_64  580.95.05\nGCC version: 13\n")
    names = ["nvidia-cudnn-cu13", "jax-cuda13-plugin", "jax-cuda13-pjrt", "libtpu"]
    others = ["jax", "numpy", "nvidiaesque", "jaxtyping"]
    installed = [Installed(name) for name in names + others]
    monkeypatch.setattr(provenance, "DRIVER", driver)
    monkeypatch.setattr(provenance, "distributions", lambda: installed)
    monkeypatch.setattr(provenance, "find_plugins", provenance.find_plugins.__wrapped__)
    found = provenance.describe_devices()
    assert found["driver"] == "NVRM version: NVIDIA UNIX x86_64  580.95.05"
    assert found["accelerator"] == dict.fromkeys(names, "9.1")


def test_a_machine_without_a_driver(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "DRIVER", tmp_path / "none")
    assert provenance.describe_devices()["driver"] is None


@pytest.mark.parametrize("key", ["precision", "deterministic"])
def test_configs_that_lack_the_keys_are_described(tmp_path, key):
    cfg = config.compose()
    OmegaConf.set_struct(cfg, False)
    del cfg[key]
    found = provenance.describe(cfg, tmp_path, choices={}, command="train")
    assert found["precision"] == {"train": "default", "eval": "highest"}
    assert found["deterministic"] is False
