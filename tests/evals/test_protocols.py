"""Every protocol on a tiny network of ours: its rows can be written and are apart."""

from dataclasses import replace

import numpy as np
import pytest
from flax import nnx
from known import split

from research import config
from research.data.source import Dataset
from research.evals.lie import Interpolation
from research.runs.rows import read_arrays, write_measurements
from research.transforms.derivatives import fourier

SPLIT = split(6, shape=(28, 28, 1))
DATA = Dataset("ink", "1.0.0", (28, 28, 1), 2, {"validation": lambda: SPLIT})
SMALL = {
    "aliasing": {},
    "calibration": {"draws": 2, "data": DATA},
    "flip": {"reach": (0, 2)},
    "lie": {"interpolations": {"fourier": Interpolation(fourier, local=False)}},
    "spatial": {"shifts": (0, 1.5), "step": 30},
    "window": {"max_shift": 1, "distances": 1},
    "worst": {"max_shift": 1, "upsampling": (2,)},
}


@pytest.fixture(scope="module")
def network():
    cfg = config.compose("data=digits", "model=tiny")
    network = config.network(cfg, rngs=nnx.Rngs(0))
    network.eval()
    return network


@pytest.mark.parametrize("name", SMALL)
def test_its_rows_can_be_written(name, network, tmp_path):
    cfg = config.compose("data=digits", f"eval={name}")
    (evaluator,) = config.evals(cfg).values()
    evaluator = replace(evaluator, **SMALL[name])
    evaluator.check(network, SPLIT)
    facts = {"run": "one", "seed": 0, "commit": "0"}
    rows = write_measurements(tmp_path, name, evaluator(network, SPLIT), facts, "test")
    assert rows and all(np.isfinite(row.value) for row in rows)
    assert {row.protocol for row in rows} == {name}
    assert all(np.size(one) for one in read_arrays(tmp_path, name).values())


@pytest.mark.parametrize("name", ["flip", "lie", "aliasing"])
def test_a_network_may_be_a_readout_alone(name):
    cfg = config.compose("data=digits", "model=mlp", f"eval={name}")
    network = config.network(cfg, rngs=nnx.Rngs(0))
    network.eval()
    assert not network.stages
    (evaluator,) = config.evals(cfg).values()
    evaluator = replace(evaluator, **SMALL[name])
    rows = list(evaluator(network, SPLIT))
    shares = [row.value for row in rows if row.measure == "share"]
    assert rows and shares == ([pytest.approx(1)] if name == "lie" else [])
