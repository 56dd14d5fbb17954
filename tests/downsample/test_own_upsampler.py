"""The upsampler of the documentation: one file and one YAML, taken from its text."""

import re
import sys
from types import ModuleType

import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from flax import nnx

from research import config
from research.config import CONF

TEXT = (CONF.parent / "docs" / "your_own.md").read_text()
TEXT = TEXT.partition("\n## An upsampler\n")[2].partition("\n## ")[0]
BLOCKS = dict(re.findall(r"```(python|yaml)\n(.*?)```", TEXT, re.DOTALL))


@pytest.fixture
def zeros(monkeypatch):
    """The node of its YAML, with the module of its Python in place."""
    described = yaml.safe_load(BLOCKS["yaml"])
    name = described["_target_"].rpartition(".")[0]
    module = ModuleType(name)
    exec(BLOCKS["python"], module.__dict__)
    monkeypatch.setitem(sys.modules, name, module)
    parent, _, child = name.rpartition(".")
    monkeypatch.setattr(sys.modules[parent], child, module, raising=False)
    assert described["defaults"] == ["base", {"lowpass": "none"}, "_self_"]
    cfg = config.compose("model=unet", "upsample=nearest")
    cfg.upsample._target_ = described["_target_"]
    return cfg


@pytest.mark.slow  # a process that compiles a network
def test_it_builds_a_network_and_forgets_the_phase(zeros):
    down = config.build(config.compose("downsample=aps").downsample)(
        3, rngs=nnx.Rngs(0)
    )
    up = config.build(zeros.upsample)(3, down, rngs=nnx.Rngs(0))
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 6, 8, 3)), jnp.float32)
    y, trace = down.trace(x)
    fine = up(y, trace)
    np.testing.assert_array_equal(fine[:, ::2, ::2], y)
    assert (fine != 0).sum() == y.size
    network = config.network(zeros, rngs=nnx.Rngs(0))
    assert network(jnp.zeros((2, 28, 28, 1))).shape == (2, 28, 28, 10)
